/** What is done one after the other, each with how it went: a mark, a word and a colour. */

import { css, html, nothing, type TemplateResult } from 'lit';

export interface StepLine {
  state: 'running' | 'done' | 'failed' | 'waiting';
  text: string;
  /** What was said meanwhile. */
  lines?: readonly string[];
}

const LOOKS = {
  running: { mark: '▶', tone: 'active', word: 'under way' },
  done: { mark: '✓', tone: 'good', word: 'done' },
  failed: { mark: '✕', tone: 'bad', word: 'failed' },
  waiting: { mark: '○', tone: 'soft', word: 'to come' },
} as const;

export const stepsLook = css`
  .steps {
    list-style: none;
    margin: 0;
    padding: 10px 14px;
    display: grid;
    gap: 5px;
  }
  .steps li {
    display: grid;
    grid-template-columns: 1.2em minmax(0, 1fr);
    gap: 0 8px;
    overflow-wrap: anywhere;
  }
  .steps pre {
    grid-column: 2;
    color: var(--o-text-soft);
    max-height: 12em;
    overflow: auto;
  }
  .steps .waiting {
    color: var(--o-text-soft);
  }
`;

export function stepsTemplate(steps: readonly StepLine[], label: string): TemplateResult {
  return html`<ol class="steps" role="log" aria-label=${label}>
    ${steps.map(({ state, text, lines }) => {
      const { mark, tone, word } = LOOKS[state];
      return html`<li class=${state} aria-current=${state === 'running' ? 'step' : nothing}>
        <span class=${tone} aria-hidden="true">${mark}</span>
        <span>${text}<span class="only-read"> (${word})</span></span>
        ${lines?.length ? html`<pre>${lines.join('\n')}</pre>` : nothing}
      </li>`;
    })}
  </ol>`;
}
