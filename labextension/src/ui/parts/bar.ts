/** How much of something is taken, as a bar; the numbers stand beside it. */

import { css, html, type TemplateResult } from 'lit';

export interface BarPart {
  value: number;
  tone: 'used' | 'soft' | 'good' | 'full';
}

/** Return a bar of parts of a whole; `text` says in words what it shows. */
export function bar(parts: BarPart[], whole: number, text: string): TemplateResult {
  const width = (value: number) => (whole > 0 ? Math.min(100, Math.max(0, (100 * value) / whole)) : 0);
  return html`<span class="bar" role="img" aria-label=${text} title=${text}
    >${parts.map(({ value, tone }) => html`<span class="part ${tone}" .style=${`width:${width(value)}%`}></span>`)}</span
  >`;
}

export const bars = css`
  .bar {
    display: flex;
    height: 8px;
    border-radius: 4px;
    overflow: hidden;
    background: var(--o-bg-soft);
    box-shadow: inset 0 0 0 1px var(--o-border);
    min-width: 40px;
  }
  .part {
    flex: none;
  }
  .part.used {
    background: var(--o-accent);
  }
  .part.good {
    background: var(--o-good);
  }
  .part.soft {
    background: var(--o-border-strong);
  }
  .part.full {
    background: var(--o-bad);
  }
`;
