// How the editor looks: the portal's own colours, which follow the theme.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colour = (name) => `var(--color-${name})`;
const quiet = `color-mix(in oklab, ${colour("base-content")} 72%, ${colour("base-100")})`;
const tinted = (name, share) => `color-mix(in oklab, ${colour(name)} ${share}%, ${colour("base-100")})`;

const theme = EditorView.theme({
  "&": { backgroundColor: colour("base-100"), color: colour("base-content"), border: `1px solid ${colour("neutral")}`, borderRadius: "var(--radius-field)", minHeight: "15rem" },
  "&.cm-focused": { outline: `2px solid ${colour("primary")}`, outlineOffset: "2px" },
  ".cm-content:focus-visible": { outline: "none" },
  ".cm-scroller": { fontFamily: "inherit", lineHeight: "1.43", minHeight: "15rem" },
  ".cm-content": { padding: "0.4rem 0", caretColor: colour("base-content") },
  ".cm-gutters": { backgroundColor: colour("base-100"), color: quiet, border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 0.5rem 0 0.25rem", minWidth: "1.8rem" },
  ".cm-gutter-lint": { width: "1.1rem" },
  ".cm-gutter-lint .cm-gutterElement": { padding: "0.15rem" },
  ".cm-lint-marker-error": { content: '""', backgroundColor: colour("error"), borderRadius: "50%", width: "0.75rem", height: "0.75rem" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: `wavy underline ${colour("error")}`, textUnderlineOffset: "3px" },
  ".cm-fault": {
    color: colour("error"), backgroundColor: tinted("error", 8), borderLeft: `3px solid ${colour("error")}`,
    padding: "0.15rem 0.6rem", margin: "0.1rem 0.4rem", fontFamily: "var(--default-font-family, sans-serif)", whiteSpace: "normal", overflowWrap: "anywhere",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: tinted("primary", 25) },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: tinted("error", 25) },
  ".cm-tooltip": { backgroundColor: colour("base-100"), color: colour("base-content"), border: `1px solid ${colour("base-300")}`, borderRadius: "var(--radius-box)", boxShadow: "0 6px 16px rgb(0 0 0 / 0.2)", maxWidth: "min(34rem, 92vw)", overflow: "hidden" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "inherit", maxWidth: "min(34rem, 92vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "0.2rem 0.6rem", display: "flex", flexWrap: "wrap", columnGap: "0.75rem", whiteSpace: "normal" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: colour("primary"), color: colour("primary-content") },
  ".cm-completionDetail": { fontStyle: "normal", marginLeft: "0", color: quiet },
  "li[aria-selected] .cm-completionDetail": { color: colour("primary-content") },
  ".cm-panels": { backgroundColor: colour("base-200"), color: colour("base-content") },
});

const words = HighlightStyle.define([
  { tag: tags.definition(tags.propertyName), color: colour("primary") },
  { tag: tags.string, color: colour("success") },
  { tag: [tags.number, tags.bool], color: colour("warning") },
  { tag: tags.comment, color: quiet, fontStyle: "italic" },
  { tag: tags.standard(tags.variableName), color: colour("primary"), fontWeight: "600" },
  { tag: tags.function(tags.variableName), color: colour("warning") },
  { tag: tags.operatorKeyword, fontWeight: "600" },
  { tag: tags.invalid, color: colour("error") },
]);

export const look = [theme, syntaxHighlighting(words)];
