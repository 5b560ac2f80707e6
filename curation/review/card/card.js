"use strict";
{
  // Argilla writes the record into a script before this one. A reviewer's own answer can break that script
  // (it may hold the end of a script, or "$'"); the record is then taken from the part of Argilla's page that made this frame.
  const values =
    typeof record === "object" ? record : frameElement.closest(".custom_field_component").__vue__.sdkRecord;
  const card = values.fields.card;
  const root = document.documentElement;
  const argilla = parent.document;
  const find = (selector) => document.querySelector(selector);

  // What a text may not hold on its way through Argilla's script (see value.py).
  const decoded = (text) =>
    text.replaceAll("\ufdd0", "<").replaceAll("\ufdd1", "$").replaceAll("#\u2060TEMPLATE#", "#TEMPLATE#");

  const added = (kind, place, title, html) => {
    const copy = find(`template.${kind}`).content.firstElementChild.cloneNode(true);
    copy.querySelector("h2").textContent = title;
    copy.querySelector(".text").innerHTML = decoded(html);
    find(place).append(copy);
    return copy;
  };

  // What Argilla put around the card: its style sheets, and pieces of a broken script.
  for (const style of document.querySelectorAll("link, style:not(.card)")) style.remove();
  document.body.replaceChildren(find("main"), ...document.querySelectorAll("template"));

  for (const turn of card.turns) {
    const role = decoded(turn.role);
    added("turn", ".turns", role[0].toUpperCase() + role.slice(1), turn.html).dataset.role = role;
  }
  if (card.category) {
    find(".category").hidden = false;
    find(".category").innerHTML = decoded(card.category.html);
  }
  const candidates = card.candidates.map((candidate) => {
    const article = added("candidate", ".candidates", candidate.title, candidate.html);
    article.querySelector(".copy").addEventListener("click", () => copy(decoded(candidate.text)));
    return article.querySelector(".text");
  });

  // A copied text comes back as part of an answer, in Argilla's script: the joiners, which show nothing, keep it harmless
  // there. They are taken out again when the answer is read.
  const guarded = (text) =>
    text.replace(/[\u2060-\u2064]/g, "$&$&").replace(/<(?=[a-z/!?])|\$(?=[$&'`])|#(?=TEMPLATE#)/gi, "$&\u2060");
  let copied = null;
  const copy = (text) => {
    copied = text;
    document.execCommand("copy");
    copied = null;
  };
  document.addEventListener("copy", (event) => {
    event.clipboardData.setData("text/plain", guarded(copied ?? getSelection().toString()));
    event.preventDefault();
  });
  document.addEventListener("dragstart", (event) => event.preventDefault());

  // Keys answer questions, wherever a reviewer clicked last: the focus goes back to the choice where it was in Argilla's
  // page. From a text it goes to the first choice: a text that gets the focus again is edited, and takes all keys.
  const scrolling = new Set(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", " ", "Tab"]);
  let focused = null;
  const question = () =>
    focused?.isConnected && !focused.querySelector("[contenteditable]") && !focused.isContentEditable
      ? focused
      : (argilla.querySelector('[aria-label^="Question: "] input') ?? argilla.body);
  document.addEventListener("pointerdown", () => {
    if (argilla.activeElement !== frameElement && argilla.activeElement !== argilla.body) focused = argilla.activeElement;
  });
  document.addEventListener("click", () => {
    if (getSelection().isCollapsed) question().focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    const pressed = event.key === "Enter" && event.target.closest("button");
    if (event.ctrlKey || event.metaKey || event.altKey || scrolling.has(event.key) || pressed) return;
    const { key, code, keyCode, shiftKey } = event;
    event.preventDefault();
    question().focus({ preventScroll: true });
    const again = { key, code, keyCode, shiftKey, bubbles: true, cancelable: true };
    question().dispatchEvent(new parent.KeyboardEvent("keydown", again));
  });

  // The frame is as high as the card, and as dark as Argilla.
  const fit = () => {
    root.style.setProperty("--window", `${parent.innerHeight}px`);
    frameElement.style.height = `${find("main").scrollHeight}px`;
  };
  const follow = () => {
    root.dataset.theme = argilla.documentElement.dataset.theme ?? "light";
    // A frame whose scheme is another than its page's is opaque.
    root.style.colorScheme = parent.getComputedStyle(argilla.documentElement).colorScheme;
  };
  const theme = new MutationObserver(follow);
  follow();
  fit();
  theme.observe(argilla.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  new ResizeObserver(fit).observe(find("main"));
  addEventListener("pagehide", () => theme.disconnect());
  // Of a long conversation the last turn is what the candidates answer.
  find(".turns").scrollTop = find(".turns").lastElementChild.offsetTop - find(".turns").offsetTop;

  // Words that differ are marked on request (see differences.js).
  const marks = find(".differences");
  marks.hidden = candidates.length < 2 || !CSS.highlights;
  marks.addEventListener("click", () => {
    const on = marks.getAttribute("aria-pressed") === "false";
    CSS.highlights.clear();
    const [first, ...others] = candidates.map(wordsOf);
    const differ = on ? others.map((other) => differing(first, other)) : [];
    if (differ.includes(null)) {
      marks.textContent = "Too long to compare word by word";
      marks.disabled = true;
      return;
    }
    const marked = new Highlight();
    for (const { node, start, end } of differ.flat()) {
      marked.add(new StaticRange({ startContainer: node, startOffset: start, endContainer: node, endOffset: end }));
    }
    CSS.highlights.set("differs", marked);
    marks.setAttribute("aria-pressed", String(on));
  });
}
