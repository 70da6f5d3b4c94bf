/** Answers of a batch system: how old they are, why there is none that is newer, and what it looks like without. */

import { html, nothing, type TemplateResult } from 'lit';

import type { OrbitError } from '../../channel/errors.js';
import type { Question } from '../../state/question.js';
import '../ago.js';
import { duration } from '../../text/format.js';
import { failed, loading } from '../notice.js';

interface Aged {
  /** Seconds since the batch system was asked. */
  age: number;
  /** Why nothing newer is known; null: it is new. */
  stale: string | null;
}

type Shown = TemplateResult | typeof nothing;

/** Show a question's answer, an old one also while it can't be asked anew. */
export function answered<T>(question: Question<T>, ready: (value: T) => Shown, again: () => void): Shown {
  const { value, error } = question;
  const problem = error ? (isAway(error) ? away(error, again) : failed(error, again)) : nothing;
  if (value === undefined) {
    return error ? problem : loading('Asking the batch system');
  }
  return html`${problem}${ready(value)}`;
}

/** Say when it was asked. */
export function asOf(question: Question<Aged>): Shown {
  const { value, came } = question;
  if (!value) {
    return nothing;
  }
  const since = came - 1000 * (value.age || 0);
  return html`<span class="soft small cut">asked <orbit-ago .since=${since}></orbit-ago> ago</span>`;
}

/** Say why what is shown is old, where it is. */
export function staleness({ age, stale }: Aged): Shown {
  return stale
    ? html`<div class="notice warn" role="status">◐ From ${duration(age)} before: ${stale}</div>`
    : nothing;
}

function isAway(error: OrbitError): boolean {
  return error.code === 'plugin-error' && error.status === 503 && error.transient;
}

function away(error: OrbitError, again: () => void): TemplateResult {
  return html`<div class="notice away" role="status">
    <p><strong class="warn">◐ The batch system doesn’t answer.</strong> Jobs that run go on.</p>
    <p class="soft">${error.message}</p>
    <p><button @click=${again}>Try again</button></p>
  </div>`;
}

/** A limit of time in words: `30 min`, `1 h 30 min`, `7 d`. */
export function span(seconds: number | null | undefined): string {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) {
    return '–';
  }
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  const words = [];
  let rest = Math.floor(seconds);
  for (const [unit, size] of units.slice(Math.max(0, first)).slice(0, 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count) {
      words.push(`${count} ${unit}`);
    }
  }
  return words.join(' ') || '0 s';
}
