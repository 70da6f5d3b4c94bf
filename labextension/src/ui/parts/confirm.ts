/** A question before something that can't be taken back, in the page and beside what it is about. */

import { css, html, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';

export interface Question {
  text: TemplateResult | string;
  yes: string;
  no?: string;
  danger?: boolean;
  done: () => void;
}

export const questionLook = css`
  .ask {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px;
    padding: 8px 14px;
    background: var(--o-bg-soft);
    border-bottom: 1px solid var(--o-border);
    overflow-wrap: anywhere;
  }
  .ask > span {
    flex: 1 1 220px;
    min-width: 0;
  }
`;

/** Draw it; `close` is called by either answer. */
export function questionTemplate(question: Question, close: () => void): TemplateResult {
  const yes = () => {
    close();
    question.done();
  };
  const typed = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      close();
    }
  };
  return html`<div class="ask" role="alertdialog" aria-label=${question.yes} @keydown=${typed}>
    <span>${question.text}</span>
    <button class=${question.danger ? 'danger' : 'primary'} @click=${yes}>${question.yes}</button>
    <button @click=${close} ${ref(keyboard)}>${question.no ?? 'Not now'}</button>
  </div>`;
}

/** Where the keyboard was before a question was asked. */
let before: Element | null = null;

/** Bring the keyboard to the answer that changes nothing, and back once the question is gone. */
function keyboard(answer: Element | undefined): void {
  if (answer) {
    before = document.activeElement;
    while (before?.shadowRoot?.activeElement) {
      before = before.shadowRoot.activeElement;
    }
    // Not before it is on the page.
    queueMicrotask(() => (answer as HTMLElement).focus());
  } else {
    (before as HTMLElement | null)?.focus();
    before = null;
  }
}
