// Errors at their lines: a mark beside the line, the place underlined, and what
// is wrong beneath it.
import { lintGutter, linter, setDiagnostics } from "@codemirror/lint";
import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, WidgetType } from "@codemirror/view";

const told = StateEffect.define();

class Message extends WidgetType {
  constructor(text) {
    super();
    this.text = text;
  }
  eq(other) {
    return other.text === this.text;
  }
  toDOM() {
    const p = document.createElement("div");
    p.className = "cm-fault";
    p.textContent = this.text;
    return p;
  }
}

const messages = StateField.define({
  create: () => Decoration.none,
  update(shown, transaction) {
    shown = shown.map(transaction.changes);
    for (const effect of transaction.effects) if (effect.is(told)) shown = effect.value;
    return shown;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const none = () => [];
export const faults = [messages, lintGutter({ tooltipFilter: none }), linter(null, { tooltipFilter: none })];

// showFaults shows those that a part of the page lists. It counts characters, and
// the editor counts as JavaScript does.
export function showFaults(view, list) {
  const { doc } = view.state;
  const found = [...list.querySelectorAll("a[data-line]")].map((place) => {
    const line = doc.line(Math.min(Number(place.dataset.line), doc.lines));
    const before = [...line.text].slice(0, Number(place.dataset.column) - 1).join("").length;
    const message = place.parentElement.querySelector("[data-message]").textContent;
    const word = line.text.slice(before).match(/^[\w.-]+|^./u)?.[0] ?? "";
    return { from: line.from + before, to: line.from + before + word.length, end: line.to, severity: "error", message };
  });
  const shown = found.map(({ end, message }) => Decoration.widget({ widget: new Message(message), side: 1, block: true }).range(end));
  view.dispatch(setDiagnostics(view.state, found), { effects: told.of(Decoration.set(shown, true)) });
}
