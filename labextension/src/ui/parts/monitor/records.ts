/** Rows in whatever a plugin answers, and those that its events make. No I/O. */

export type Item = Record<string, unknown>;

/** Rows that are kept; of more, the oldest go. */
export const MOST = 100_000;

/** Columns are chosen after a look at so many rows. */
const LOOK = 50;
/** Where an answer or an event doesn't have the field that its page names. */
const IDS = ['uid', 'id', 'job_id', 'task_id', 'name'];

/** Return the list of objects in an answer, with a dict's keys as `name`; null where there is none. */
export function recordsIn(answer: unknown): Item[] | null {
  if (Array.isArray(answer)) {
    return answer.map((one: unknown) => (isItem(one) ? one : { value: one }));
  }
  if (!isItem(answer)) {
    return null;
  }
  const inside = Object.values(answer);
  if (inside.length > 0 && inside.every(isItem)) {
    return inside.length === 1 ? (recordsIn(inside[0]) ?? named(answer)) : named(answer);
  }
  for (const one of inside) {
    if (Array.isArray(one) || (isItem(one) && Object.values(one).every(isItem))) {
      return Array.isArray(one) ? recordsIn(one) : named(one);
    }
  }
  return null;
}

function named(dict: Item): Item[] {
  return Object.entries(dict).map(([name, one]) => ({ name, ...(one as Item) }));
}

export function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Return the names of what the first rows have, in their order. */
export function keysOf(rows: Iterable<Item>): string[] {
  const keys = new Set<string>();
  let looked = 0;
  for (const row of rows) {
    Object.keys(row).forEach(key => keys.add(key));
    if (++looked >= LOOK) {
      break;
    }
  }
  return [...keys];
}

/** The rows of a `task_list`, by id, the oldest first. */
export class TaskRows {
  rows = new Map<string, Item>();
  /** The field that the ids are in. */
  idField: string;
  /** Whether the events of the page are about these rows, as far as the last answer tells. */
  mine = true;

  constructor(private wanted: string) {
    this.idField = wanted;
  }

  /** Take the answer of the route that lists them. */
  take(answer: unknown): void {
    const items = recordsIn(answer) ?? [];
    const has = (field: string) => items.some(item => item[field] !== undefined && item[field] !== null);
    this.mine = items.length === 0 || has(this.wanted);
    this.idField = this.mine ? this.wanted : (IDS.find(has) ?? this.wanted);
    this.rows = new Map();
    for (const item of items) {
      const id = item[this.idField];
      if (id !== undefined && id !== null) {
        this.rows.set(String(id), item);
      }
    }
    this.forget();
  }

  /** Change the row that an event is about, or add it; return whether there is a row now. */
  happened(data: Item): boolean {
    const id = data[this.wanted];
    if (!this.mine || id === undefined || id === null) {
      return false;
    }
    const key = String(id);
    this.rows.set(key, { ...this.rows.get(key), ...data });
    this.forget();
    return true;
  }

  private forget(): void {
    for (const key of this.rows.keys()) {
      if (this.rows.size <= MOST) {
        break;
      }
      this.rows.delete(key);
    }
  }
}
