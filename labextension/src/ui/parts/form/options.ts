/** What can be chosen in a field, from its own list or from a route of the plugin. */

import type { UIField } from '../../wire/types.js';

export interface Choice {
  value: string;
  label: string;
  /** Why it can't be chosen; empty: it can. */
  reason: string;
}

export interface Choices {
  all: Choice[];
  /** What the plugin would take itself. */
  preselect: string;
}

/** The choices that the description of the form has. */
export function ownChoices(field: UIField): Choices {
  const all = (field.options ?? []).map(option =>
    typeof option === 'string' ? choice(option) : choice(option.value, option.label),
  );
  return { all, preselect: '' };
}

/** The choices in the answer of an `options_endpoint`: a list, or an object that has one. */
export function choicesOf(field: UIField, answer: unknown): Choices {
  const value = field.options_value_field ?? 'name';
  const label = field.options_label_field ?? 'name';
  const all = listIn(field, answer).map(one => {
    if (!isObject(one)) {
      return choice(String(one));
    }
    const chosen = String(one[value] ?? '');
    const reason = one['available'] === false ? String(one['reason'] ?? 'not available') : '';
    return choice(chosen, String(one[label] ?? chosen), reason);
  });
  const said = isObject(answer) ? [answer['own'], answer['default']] : [];
  const can = said.find(one => all.some(other => other.value === one && !other.reason));
  return { all, preselect: typeof can === 'string' ? can : '' };
}

function choice(value: string, label = '', reason = ''): Choice {
  return { value, label: label || value, reason };
}

function listIn(field: UIField, answer: unknown): unknown[] {
  if (Array.isArray(answer)) {
    return answer;
  }
  if (!isObject(answer)) {
    return [];
  }
  const named = answer[/([^/{}]+)(\/\{sid\})?$/.exec(field.options_endpoint ?? '')?.[1] ?? ''];
  const found = Array.isArray(named) ? named : Object.values(answer).find(Array.isArray);
  return found ?? keyed(answer);
}

/** The entries of an object of objects, each with its key as `name`. */
function keyed(answer: Record<string, unknown>): unknown[] {
  const inside = Object.values(answer).find(one => isObject(one) && Object.values(one).every(isObject));
  return Object.entries((inside ?? {}) as Record<string, object>).map(([name, one]) => ({ name, ...one }));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
