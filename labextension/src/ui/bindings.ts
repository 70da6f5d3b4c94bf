/** Which trait of a widget is what of its view. */

import type { ReactiveControllerHost } from 'lit';

import type { Unwatch } from './value.js';
import type { View } from './wire/types.js';

/** A view as it is bound: its own properties by name. */
export type BoundView = HTMLElement & ReactiveControllerHost & { hasUpdated: boolean } & Record<string, unknown>;

export interface Binding {
  trait: string;
  /** What the view has, as JSON; undefined: nothing to tell yet. */
  get(view: BoundView): unknown;
  /** Return false where the view can't take it yet: it is tried again. */
  put(view: BoundView, value: unknown): unknown;
  /** Where the view says by an event what no property of it has. */
  watch?(view: BoundView, tell: (value: unknown) => void): Unwatch;
}

const BINDINGS: Partial<Record<View['view'], readonly Binding[]>> = {
  explorer: [plain('shown', 'view')],
  jobs: [set('selected'), plain('filter'), ...forms()],
  monitor: [plain('paused')],
  files: [
    {
      trait: 'path',
      get: view => (view['loading'] ? undefined : (view['listing'] as { path?: string } | null)?.path),
      put: (view, path) => void (view['go'] as (path: string) => Promise<void>)((path as string) || '~'),
    },
    set('selected'),
  ],
  log: [
    plain('filter', 'text'),
    {
      trait: 'paused',
      get: view => (view['paused'] === undefined ? undefined : view['paused'] !== null),
      // It keeps the lines of that moment, so it does that by itself.
      put: view => (view['pause'] as () => void)(),
    },
  ],
  plugin: forms(),
};

export function bindingsOf(kind: string): readonly Binding[] {
  return BINDINGS[kind as View['view']] ?? [];
}

function plain(trait: string, property = trait): Binding {
  return {
    trait,
    get: view => view[property],
    put: (view, value) => Object.assign(view, { [property]: value }),
  };
}

function set(trait: string): Binding {
  return {
    trait,
    get: view => (view[trait] instanceof Set ? [...(view[trait] as Set<string>)] : view[trait]),
    put: (view, value) => Object.assign(view, { [trait]: new Set(value as string[]) }),
  };
}

function forms(): Binding[] {
  return [
    {
      trait: 'values',
      get: () => undefined,
      put: (view, values) => {
        const all = [...(view.shadowRoot?.querySelectorAll('orbit-form') ?? [])];
        all.forEach(form => Object.assign(form, { values: { ...(values as object) } }));
        return all.length > 0;
      },
      watch: (view, tell) => heard(view, 'orbit-values', tell),
    },
    {
      trait: 'submitted',
      get: () => undefined,
      put: () => undefined,
      watch: (view, tell) => heard(view, 'orbit-submitted', tell),
    },
  ];
}

/** Hear an event of what is inside a view, also one that stays there. */
function heard(view: BoundView, event: string, tell: (value: unknown) => void): Unwatch {
  const told = (happened: Event) => tell((happened as CustomEvent).detail);
  const root = view.shadowRoot;
  root?.addEventListener(event, told, true);
  return () => root?.removeEventListener(event, told, true);
}
