/** Jobs as views may rely on them: an endpoint may say anything, and its jobs stand beside those of others. No I/O. */

import type { PsijJobSummary } from '../wire/types.js';

type Said = Record<string, unknown>;

const TEXTS = ['state', 'executable', 'executor'] as const;
const TIMES = ['submit_time', 'time'] as const;
const MAYBE_TEXTS = [
  'native_id',
  'name',
  'queue_name',
  'account',
  'endpoint_name',
  'array_id',
  'message',
] as const;
const MAYBE_NUMBERS = ['exit_code', 'node_count'] as const;

/** Return it with what isn't as it should be left out; null where it names no job. */
export function soundJob(said: unknown): PsijJobSummary | null {
  const job = said as Said | null;
  if (typeof job !== 'object' || job === null || typeof job['job_id'] !== 'string' || !job['job_id']) {
    return null;
  }
  if (isSound(job)) {
    return job as unknown as PsijJobSummary; // nearly always: there may be a hundred thousand
  }
  const next: Said = { ...job };
  TEXTS.forEach(name => (next[name] = textOf(job[name]) ?? (name === 'state' ? 'NEW' : '')));
  TIMES.forEach(name => (next[name] = numberOf(job[name]) ?? 0));
  MAYBE_TEXTS.forEach(name => (next[name] = textOf(job[name])));
  MAYBE_NUMBERS.forEach(name => (next[name] = numberOf(job[name])));
  next['arguments'] = Array.isArray(job['arguments']) ? job['arguments'].filter(isText) : [];
  return next as unknown as PsijJobSummary;
}

function isSound(job: Said): boolean {
  return (
    TEXTS.every(name => isText(job[name])) &&
    TIMES.every(name => isNumber(job[name])) &&
    MAYBE_TEXTS.every(name => job[name] === null || isText(job[name])) &&
    MAYBE_NUMBERS.every(name => job[name] === null || isNumber(job[name])) &&
    Array.isArray(job['arguments']) &&
    job['arguments'].every(isText)
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function textOf(value: unknown): string | null {
  return isText(value) ? value : isNumber(value) ? String(value) : null;
}

function numberOf(value: unknown): number | null {
  return isNumber(value) ? value : null;
}
