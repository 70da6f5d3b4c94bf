/** What a form's fields hold, from their defaults to what is sent. */

import type { UIField, UIForm } from '../../wire/types.js';
import { isRequired, type Attribute } from './field.js';
import type { Choices } from './options.js';
import type { Values } from './shapes.js';

/** What was typed or given, by field; text for a number, rows for attributes. */
export type Held = Readonly<Record<string, unknown>>;

const WIDTH = { single: 1, grid2: 2, grid3: 3 };

/** The fields that are seen, by column. */
export function columnsOf(form: UIForm): UIField[][] {
  const fields = (form.fields ?? []).filter(field => field.type !== 'hidden');
  const width = WIDTH[form.layout ?? 'single'] ?? 1;
  if (width === 1 || !fields.some(field => typeof field.column === 'number')) {
    return [fields];
  }
  const columns: UIField[][] = Array.from({ length: width }, () => []);
  for (const field of fields) {
    columns[Math.min(Math.max(field.column ?? 0, 0), width - 1)]!.push(field);
  }
  return columns;
}

/** What a field shows: what it holds, or else what it begins with. */
export function shownIn(field: UIField, held: Held, choices: Choices | null): unknown {
  const value = held[field.name];
  if (field.type === 'select') {
    const can = choices?.all.filter(one => !one.reason);
    const has = (one: unknown) => can?.some(other => other.value === one);
    if (!choices || (value !== undefined && (value === '' || has(value)))) {
      return value ?? field.default;
    }
    const first = isRequired(field) ? can?.[0]?.value : undefined;
    return [choices.preselect, field.default].find(one => one !== '' && has(one)) ?? first ?? '';
  }
  return value ?? (field.type === 'custom_attributes' || field.type === 'file' ? undefined : field.default);
}

/** The value that is sent; undefined: the field is left out. */
export function sentOf(field: UIField, shown: unknown): unknown {
  switch (field.type) {
    case 'number':
      return shown === undefined || shown === '' ? undefined : Number(shown);
    case 'checkbox':
      return Boolean(shown);
    case 'select':
      return shown === '' ? undefined : shown;
    case 'custom_attributes':
      return Object.fromEntries(((shown ?? []) as Attribute[]).filter(([name]) => name.trim()));
    case 'file':
      return shown;
    case 'hidden':
      return shown ?? '';
    default:
      return shown === undefined ? '' : String(shown);
  }
}

/** The values as JSON has them: of a file its name. */
export function plain(values: Values): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value instanceof File ? value.name : value]),
  );
}

/** Take values in that somebody gives; what is there already stays as it was typed. */
export function filled(held: Held, now: Values, given: Values, fields: readonly UIField[]): Held {
  const next = { ...held };
  for (const field of fields) {
    const value = given[field.name];
    if (
      value === undefined ||
      field.type === 'file' ||
      JSON.stringify(value) === JSON.stringify(now[field.name])
    ) {
      continue;
    }
    next[field.name] =
      field.type === 'custom_attributes' && typeof value === 'object'
        ? Object.entries(value ?? {}).map(([name, one]): Attribute => [name, String(one)])
        : value;
  }
  return next;
}

/** What is wrong with which field before anything is sent. */
export function problemsOf(fields: readonly UIField[], values: Values): Map<string, string> {
  const problems = new Map<string, string>();
  for (const field of fields) {
    const value = values[field.name];
    if (isRequired(field) && (value === undefined || value === '')) {
      problems.set(field.name, 'This is needed.');
    } else if (field.type === 'number' && Number.isNaN(value)) {
      problems.set(field.name, 'This is no number.');
    }
  }
  return problems;
}

/** Read the files among the values, as base64: what msgspec takes for bytes. */
export async function withFilesAsText(body: Record<string, unknown>): Promise<Record<string, unknown>> {
  const read = async ([name, value]: [string, unknown]) =>
    [name, value instanceof File ? await base64(value) : value] as const;
  return Object.fromEntries(await Promise.all(Object.entries(body).map(read)));
}

function base64(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve((reader.result as string).replace(/^[^,]*,/, ''));
    reader.onerror = () => reject(new Error(`${file.name} can’t be read: ${reader.error?.message ?? ''}`));
    reader.readAsDataURL(file);
  });
}
