// The policy's language: YAML, with conditions in CEL.
import { yamlLanguage } from "@codemirror/lang-yaml";
import { LanguageSupport, StreamLanguage } from "@codemirror/language";
import { parseMixed } from "@lezer/common";

// conditions tells the words of a condition apart; which are variables and
// functions the server says.
function conditions(words) {
  const labels = (list) => new Set(list.map((word) => word.label));
  const variables = labels(words.variables);
  const functions = labels([...words.functions, ...words.methods]);
  return StreamLanguage.define({
    name: "cel",
    token(stream) {
      if (stream.eatSpace()) return null;
      if (stream.match(/^"(?:[^"\\]|\\.)*"?/) || stream.match(/^'(?:[^'\\]|\\.)*'?/)) return "string";
      if (stream.match(/^\d[\w.]*/)) return "number";
      if (stream.match(/^\/\/.*/)) return "comment";
      const name = stream.match(/^[A-Za-z_]\w*/)?.[0];
      if (name === undefined) {
        stream.next();
        return "operator";
      }
      if (["true", "false", "null"].includes(name)) return "bool";
      if (name === "in") return "operatorKeyword";
      const member = stream.string[stream.start - 1] === ".";
      if (!member && variables.has(name)) return "variableName.standard";
      if (functions.has(name) && stream.peek() === "(") return "variableName.function";
      return "propertyName.special";
    },
  });
}

// policyLanguage reads the value of each “when” as a condition.
export function policyLanguage(words) {
  const inner = conditions(words).parser;
  const wrap = parseMixed((node, input) => {
    if (!["Literal", "QuotedLiteral", "BlockLiteralContent"].includes(node.name)) return null;
    const pair = node.node.parent.name === "BlockLiteral" ? node.node.parent.parent : node.node.parent;
    const key = pair?.name === "Pair" && pair.firstChild;
    if (!key || key.from === node.from || input.read(key.from, key.to) !== "when") return null;
    return node.name === "QuotedLiteral" ? { parser: inner, overlay: [{ from: node.from + 1, to: node.to - 1 }] } : { parser: inner };
  });
  return new LanguageSupport(yamlLanguage.configure({ wrap }));
}
