// The field of the policy's text, where scripts run. The textarea stays what the
// form sends and what the browser keeps: the two always have the same text.
import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { completion } from "./completion.js";
import { faults, showFaults } from "./faults.js";
import { policyLanguage } from "./language.js";
import { look } from "./look.js";

const area = document.getElementById("text");
const words = JSON.parse(document.getElementById("policy-words").textContent);

// One admin presses Tab to indent, another to leave: Escape before it leaves.
const hint = document.createElement("p");
hint.id = "text-keys";
hint.className = "muted";
hint.textContent = "Ctrl-Space completes a word, F8 goes to the next error. Tab indents; to leave the field, press Escape and then Tab.";

const view = new EditorView({
  parent: area.parentElement,
  state: EditorState.create({
    doc: area.value,
    extensions: [
      EditorView.cspNonce.of(document.currentScript.nonce),
      look,
      lineNumbers(),
      faults,
      history(),
      indentOnInput(),
      indentUnit.of("  "),
      bracketMatching(),
      EditorView.lineWrapping,
      policyLanguage(words),
      autocompletion({ override: [completion(words)], icons: false }),
      keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap, ...lintKeymap, indentWithTab]),
      EditorView.contentAttributes.of(attributes()),
      EditorView.updateListener.of((update) => update.docChanged && write()),
    ],
  }),
});

// attributes are those by which the textarea is known, for those who do not see.
function attributes() {
  const described = [area.getAttribute("aria-describedby"), hint.id].filter(Boolean).join(" ");
  const known = { "aria-label": document.querySelector('label[for="text"]').textContent, "aria-describedby": described, spellcheck: "false" };
  if (area.getAttribute("aria-invalid")) known["aria-invalid"] = "true";
  return known;
}

// write brings the text into the form, which checks it while it is typed.
function write() {
  const text = view.state.doc.toString();
  if (area.value === text) return;
  area.value = text;
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

// read takes over what something else has put into the form, like the browser
// when one comes back to the page.
function read() {
  const text = view.state.doc.toString();
  if (area.value !== text) view.dispatch({ changes: { from: 0, to: text.length, insert: area.value } });
}

// Whoever was in the field already goes on in the editor, at the same place.
if (document.activeElement === area) {
  view.dispatch({ selection: { anchor: Math.min(area.selectionStart, view.state.doc.length) } });
  view.focus();
}

area.parentElement.querySelector(".code-numbers").hidden = true;
area.parentElement.after(hint);
area.classList.add("sr-only");
area.tabIndex = -1;
area.setAttribute("aria-hidden", "true");
area.addEventListener("focus", () => view.focus()); // by its label, or from a list of errors
area.addEventListener("input", read);
window.addEventListener("pageshow", read);
read();

// What is said of the text beside it is shown in it too.
const told = () => showFaults(view, document.getElementById("check"));
area.closest("[hx-post]").addEventListener("htmx:after:swap", told); // and not when a trial is renewed
told();

document.addEventListener("click", (event) => {
  const place = event.target.closest("a[data-line]");
  if (!place) return;
  event.preventDefault();
  const line = view.state.doc.line(Math.min(Number(place.dataset.line), view.state.doc.lines));
  const anchor = Math.min(line.from + Number(place.dataset.column ?? 1) - 1, line.to);
  view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
  view.focus();
});
