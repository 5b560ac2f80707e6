"use strict";
// Words that differ. A word is a place in a text: {word, node, start, end}.
const MOST_CELLS = 36e6;
const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });
const wordsOf = (text) => {
  const words = [];
  const nodes = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    const node = nodes.currentNode;
    for (const { segment, index } of segmenter.segment(node.data)) {
      if (segment.trim()) words.push({ word: segment, node, start: index, end: index + segment.length });
    }
  }
  return words;
};

// The words of two lists that are not in their longest common subsequence; null if they are too many to compare.
const differing = (first, second) => {
  let start = 0;
  let [end, other] = [first.length, second.length];
  while (start < end && start < other && first[start].word === second[start].word) start++;
  while (end > start && other > start && first[end - 1].word === second[other - 1].word) [end, other] = [end - 1, other - 1];
  const [left, right] = [first.slice(start, end), second.slice(start, other)];
  const known = [new Set(left.map(({ word }) => word)), new Set(right.map(({ word }) => word))];
  const differ = [...left.filter(({ word }) => !known[1].has(word)), ...right.filter(({ word }) => !known[0].has(word))];
  const [a, b] = [left.filter(({ word }) => known[1].has(word)), right.filter(({ word }) => known[0].has(word))];
  const width = b.length + 1;
  if (a.length * b.length > MOST_CELLS || Math.min(a.length, b.length) > 65535) return null;
  const numbers = new Map();
  const numbered = (words) =>
    Int32Array.from(words, ({ word }) => {
      if (!numbers.has(word)) numbers.set(word, numbers.size);
      return numbers.get(word);
    });
  const [x, y] = [numbered(a), numbered(b)];
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    const [row, next] = [i * width, (i + 1) * width];
    for (let j = b.length - 1; j >= 0; j--) {
      if (x[i] === y[j]) lengths[row + j] = lengths[next + j + 1] + 1;
      else lengths[row + j] = lengths[next + j] > lengths[row + j + 1] ? lengths[next + j] : lengths[row + j + 1];
    }
  }
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (x[i] === y[j]) [i, j] = [i + 1, j + 1];
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) differ.push(a[i++]);
    else differ.push(b[j++]);
  }
  return [...differ, ...a.slice(i), ...b.slice(j)];
};
