// Which words can stand at a place of a policy. The words are the server's; here
// is only how a place is found in a text that is not finished.

const opening = /^((?:\s|- )*)([a-z_]+):(?=\s|$)(.*)/;

// enclosing is the nearest key above a line that stands further left than a
// column.
function enclosing(doc, number, column) {
  for (let n = number - 1; n > 0; n--) {
    const [, before, key, rest] = doc.line(n).text.match(opening) ?? [];
    if (key && before.length < column) return { key, rest: rest.trim(), line: n, column: before.length };
  }
  return { key: "", rest: "", line: 0, column: 0 };
}

// inFlow goes through what stands in brackets, up to a place.
function inFlow(text, parent, key) {
  const stack = [{ parent, key, map: false }];
  for (const [token, , name] of text.matchAll(/("(?:[^"\\]|\\.)*"?|'[^']*'?)|([a-z_]+):(?=\s|$)|[[\]{},]|[^\s[\]{},"']+/g)) {
    const top = stack.at(-1);
    if (token === "{") stack.push({ parent: top.key, key: "", map: true });
    else if (token === "[") stack.push({ ...top, map: false });
    else if ("]}".includes(token) && stack.length > 1) stack.pop();
    else if (token === "," && top.map) top.key = "";
    else if (name && top.map) top.key = name;
  }
  return stack.at(-1);
}

// place is the key that a place belongs to and the one that this stands under;
// without a key, one is written there.
function place(doc, line, before, words) {
  const [, indent, key, rest] = before.match(opening) ?? [];
  if (key) return inFlow(rest, enclosing(doc, line.number, indent.length).key, key);
  const column = line.text.match(/^(?:\s|- )*/)[0].length;
  const above = enclosing(doc, line.number, column);
  if (above.rest && !/^[[{#]/.test(above.rest)) return { parent: "", key: above.key, text: true };
  const within = before.slice(Math.min(column, before.length));
  if (!/^[[{]/.test(within) && words.keys[above.key]) return { parent: above.key, key: "" };
  return inFlow(within, enclosing(doc, above.line, above.column).key, above.key);
}

const typed = /[\w:-]*$/;

function inCondition(before, words) {
  const [, of] = before.match(/([a-z_]+\.[a-z_]+)\s*(?:==|!=|in)\s*\[?(?:"[^"]*",\s*)*"[\w-]*$/) ?? [];
  if (of) return options(words.values[of], "constant");
  const [, chain] = before.match(/((?:[A-Za-z_]\w*\.)+|[)\]"']\.)\w*$/) ?? [];
  if (chain) {
    const members = words.variables.find((v) => v.label + "." === chain)?.members;
    return members ? options(members, "property") : options(words.methods, "function");
  }
  return [...options(words.variables, "variable"), ...options(words.functions, "function")];
}

function options(list, type, after = "") {
  return (list ?? []).map(({ label, detail }) => ({ label, detail, type, apply: label + after }));
}

// completion offers the words that the server says can stand at a place.
export function completion(words) {
  return ({ state, pos, explicit }) => {
    const line = state.doc.lineAt(pos);
    const before = line.text.slice(0, pos - line.from);
    if (/(^|\s)#/.test(before)) return null;
    const at = place(state.doc, line, before, words);
    const condition = at.key === "when";
    if (at.text && !condition) return null;
    const word = before.match(condition ? /\w*$/ : typed)[0];
    if (!word && !explicit && !(condition && before.endsWith("."))) return null;
    const list = condition ? inCondition(before, words)
      : at.key ? options(words.values[at.parent + "." + at.key], "constant")
        : options(words.keys[at.parent], "property", ": ");
    return list.length ? { from: pos - word.length, options: list, validFor: /^[\w:-]*$/ } : null;
  };
}
