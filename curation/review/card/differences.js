"use strict";
// Words that differ. A word is a place in a text: {word, node, start, end}.
// So many pairs of words take 50 MB.
const MOST_PAIRS = 400e6;
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
  const [ofLeft, ofRight] = [left, right].map((words) => new Set(words.map(({ word }) => word)));
  const a = left.filter(({ word }) => ofRight.has(word));
  const b = right.filter(({ word }) => ofLeft.has(word));
  const only = [...left.filter(({ word }) => !ofRight.has(word)), ...right.filter(({ word }) => !ofLeft.has(word))];
  return a.length * b.length > MOST_PAIRS ? null : [...only, ...unmatched(a, b)];
};

// The same by Hyyro's bit-parallel algorithm (2004): a row for each word of b, and in it a bit for each word of a.
const unmatched = (a, b) => {
  const width = (a.length + 31) >> 5;
  const places = new Map(a.map(({ word }) => [word, new Uint32Array(width)]));
  a.forEach(({ word }, place) => (places.get(word)[place >> 5] |= 1 << (place & 31)));
  const rows = new Uint32Array((b.length + 1) * width).fill(0xffffffff, 0, width);
  for (let row = 0; row < b.length; row++) {
    const same = places.get(b[row].word);
    let carry = 0;
    for (let column = 0; column < width; column++) {
      const bits = rows[row * width + column];
      const common = bits & same[column];
      const sum = bits + (common >>> 0) + carry;
      carry = sum > 0xffffffff ? 1 : 0;
      rows[(row + 1) * width + column] = sum | (bits & ~common);
    }
  }
  const isSet = (row, place) => (rows[row * width + (place >> 5)] >>> (place & 31)) & 1;
  const differ = [];
  let [place, row] = [a.length, b.length];
  while (place && row) {
    if (isSet(row, place - 1)) differ.push(a[--place]);
    else if (--row && !isSet(row, place - 1)) differ.push(b[row]);
    else place--;
  }
  return [...differ, ...a.slice(0, place), ...b.slice(0, row)];
};
