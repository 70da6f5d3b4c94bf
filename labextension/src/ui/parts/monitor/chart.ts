/** What a `chart` monitor makes of an answer: columns over time, in a chart for each unit. */

import type { ChartSeries } from '../chart.js';
import { isItem, type Item } from './records.js';
import { readable } from './values.js';

export interface Charts {
  /** Seconds since the epoch. */
  times: number[];
  groups: { unit: string; series: ChartSeries[] }[];
  /** Seconds until there is something new. */
  interval: number;
}

const INTERVAL = 5;
const SHORTEST = 1;
const TIMES = new Set(['time', 'times', 't', 'timestamp']);
/** Lines in one chart. */
const LINES = 8;

/**
 * Return what there is to draw of `{"interval", "columns", "units"}`, of an object of lists, of one list of numbers,
 * or of a list of objects; `now` is the time of the last value where no column says it.
 */
export function chartsOf(answer: unknown, now: number): Charts {
  const whole = isItem(answer) ? answer : {};
  const given = whole['interval'];
  const interval = Math.max(SHORTEST, typeof given === 'number' && given > 0 ? given : INTERVAL);
  const units = isItem(whole['units']) ? whole['units'] : {};
  const columns = columnsOf(answer);
  const timed = Object.keys(columns).find(name => TIMES.has(name));
  const lists = Object.entries(columns).filter(([name]) => name !== timed);
  const length = Math.max(0, ...lists.map(([, list]) => list.length));
  const times = timed
    ? columns[timed]!.map(time => time ?? 0)
    : Array.from({ length }, (_, at) => now - (length - 1 - at) * interval);
  const groups = new Map<string, ChartSeries[]>();
  for (const [name, list] of lists) {
    if (list.some(value => value !== null)) {
      const unit = typeof units[name] === 'string' ? units[name] : '';
      const values = times.map((_, at) => list[at] ?? null);
      groups.set(unit, [...(groups.get(unit) ?? []), { label: readable(name), unit, values }]);
    }
  }
  const all = [...groups].map(([unit, series]) => ({ unit, series: series.slice(0, LINES) }));
  return { times, groups: all, interval };
}

function columnsOf(answer: unknown): Record<string, (number | null)[]> {
  if (Array.isArray(answer)) {
    const rows = answer.filter(isItem);
    if (rows.length === 0) {
      return answer.some(isNumber) ? { value: answer.map(numberOf) } : {};
    }
    const names = [...new Set(rows.flatMap(row => Object.keys(row).filter(name => isNumber(row[name]))))];
    return Object.fromEntries(names.map(name => [name, rows.map(row => numberOf(row[name]))]));
  }
  const columns: Item = isItem(answer) ? (isItem(answer['columns']) ? answer['columns'] : answer) : {};
  const lists = Object.entries(columns).filter(
    (entry): entry is [string, unknown[]] => Array.isArray(entry[1]) && entry[1].some(isNumber),
  );
  return Object.fromEntries(lists.map(([name, list]) => [name, list.map(numberOf)]));
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function numberOf(value: unknown): number | null {
  return isNumber(value) ? value : null;
}
