/** Measured values with their unit, short enough for an axis. */

import { bytes } from './format.js';

const RATES = ['', 'k', 'M', 'G', 'T'];

/** Return a value in its unit: `B` and `B/s` as KiB, MiB and so on, `%` whole, others with what they need. */
export function inUnit(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) {
    return '–';
  }
  switch (unit) {
    case 'B':
      return bytes(value);
    case 'B/s':
      return `${bytes(value)}/s`;
    case 'MiB':
      return bytes(value * 1024 * 1024);
    case '%':
      return `${Math.round(value)} %`;
    default:
      return `${short(value)}${unit ? ` ${unit}` : ''}`;
  }
}

/** Return what an endpoint says as text, whatever it is. */
export function textOf(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}

/** Whether steps of such a value are powers of two. */
export function isBinary(unit: string): boolean {
  return unit === 'B' || unit === 'B/s' || unit === 'MiB';
}

function short(value: number): string {
  let step = 0;
  while (Math.abs(value) >= 10_000 && step < RATES.length - 1) {
    value /= 1000;
    step += 1;
  }
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)}${RATES[step]}`;
}
