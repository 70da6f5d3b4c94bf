/** Values of any shape as people read them: as text, as labelled numbers, as the cells of a table. */

import { css, html, nothing, type TemplateResult } from 'lit';

import { bar } from '../bar.js';
import { bytes } from '../../text/format.js';
import { isItem, type Item } from './records.js';
import type { Column } from '../rows/rows.js';

/** Characters of JSON that are shown. */
const LONGEST = 200_000;
/** Parts of one object or list that are shown. */
const MOST = 100;
const DEEPEST = 6;
const CELL = 200;
const PERCENT = /(^|_)(percent|pct|util|utilization)(_|$)|%/i;

const collator = new Intl.Collator(undefined, { numeric: true });

export const valuesLook = css`
  .metrics {
    display: grid;
    gap: 6px 14px;
  }
  .metrics dl {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(200px, 100%), 1fr));
    gap: 8px 16px;
    margin: 0;
  }
  .metrics dl > div {
    min-width: 0;
  }
  .metrics dt {
    color: var(--o-text-soft);
    font-size: var(--o-small);
  }
  .metrics dd {
    margin: 0;
    overflow-wrap: anywhere;
    font-variant-numeric: tabular-nums;
  }
  .metrics section {
    display: grid;
    gap: 6px;
    border-top: 1px solid var(--o-border);
    padding-top: 8px;
    margin-top: 4px;
  }
  .metrics section section {
    border-top-style: dashed;
  }
`;

/** JSON as text, with what is too long left out. */
export function jsonTemplate(value: unknown): TemplateResult {
  const text = typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? '');
  const rest = text.length - LONGEST;
  return html`<pre tabindex="0">${text.slice(0, LONGEST)}</pre>
    ${rest > 0 ? html`<p class="soft small">… and ${rest.toLocaleString()} more characters</p>` : nothing}`;
}

/** Nested objects as labelled values, shares of a hundred with a bar. */
export function metricsTemplate(value: unknown, depth = 0): TemplateResult {
  if (!isItem(value) && !Array.isArray(value)) {
    return html`${shortText(value)}`;
  }
  if (depth >= DEEPEST) {
    return jsonTemplate(value);
  }
  const all: [string, unknown][] = Array.isArray(value)
    ? value.map((one: unknown, at) => [nameOf(one) || String(at + 1), one])
    : Object.entries(value);
  const parts = all.slice(0, MOST);
  const plain = parts.filter(([, one]) => isPlain(one));
  const deep = parts.filter(([, one]) => !isPlain(one));
  return html`<div class="metrics">
    ${plain.length ? html`<dl>${plain.map(([name, one]) => labelled(name, one))}</dl>` : nothing}
    ${deep.map(
      ([name, one]) =>
        html`<section>
          <h3>${readable(name)}</h3>
          ${metricsTemplate(one, depth + 1)}
        </section>`,
    )}
    ${all.length > MOST ? html`<p class="soft small">… and ${all.length - MOST} more</p>` : nothing}
  </div>`;
}

function labelled(name: string, value: unknown): TemplateResult {
  const share = typeof value === 'number' && PERCENT.test(name) && value >= 0 && value <= 100;
  const text = share
    ? `${Math.round(value * 10) / 10} %`
    : typeof value === 'number' && /(^|_)bytes$/.test(name)
      ? bytes(value)
      : shortText(value);
  const tone = share && value >= 95 ? 'full' : 'used';
  return html`<div>
    <dt>${readable(name)}</dt>
    <dd>${text} ${share ? bar([{ value, tone }], 100, `${readable(name)}: ${text}`) : nothing}</dd>
  </div>`;
}

/** A list of a few plain values stands in one line. */
function isPlain(value: unknown): boolean {
  return Array.isArray(value) ? value.every(one => typeof one !== 'object' || one === null) : !isItem(value);
}

function nameOf(value: unknown): string {
  const name = isItem(value) ? (value['name'] ?? value['id'] ?? value['interface'] ?? value['mount']) : undefined;
  return typeof name === 'string' || typeof name === 'number' ? String(name) : '';
}

export function readable(name: string): string {
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A value in one line. */
export function shortText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > CELL ? `${value.slice(0, CELL)}…` : value;
    case 'number':
      return Number.isInteger(value)
        ? Math.abs(value) < 10_000
          ? String(value)
          : value.toLocaleString()
        : String(Number(value.toPrecision(6)));
    case 'boolean':
      return value ? 'yes' : 'no';
  }
  if (value === null || value === undefined) {
    return '–';
  }
  if (Array.isArray(value) && isPlain(value)) {
    const more = value.length > 20 ? ' …' : '';
    return value.slice(0, 20).map(shortText).join(', ') + more || '–';
  }
  return shortText(JSON.stringify(value));
}

/** A column of a table that shows one field, and sorts by it. */
export function columnOf(field: string, priority: 0 | 1 | 2 = 0): Column<Item> {
  return {
    id: field,
    title: readable(field),
    priority,
    cell: row => shortText(row[field]),
    sort: (one, other) => compare(one[field], other[field]),
  };
}

export function compare(one: unknown, other: unknown): number {
  if (typeof one === 'number' && typeof other === 'number') {
    return one - other;
  }
  return collator.compare(shortText(one), shortText(other));
}
