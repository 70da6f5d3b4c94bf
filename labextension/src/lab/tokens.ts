/** What the plugins know of each other. */

import { Token } from '@lumino/coreutils';
import type { Widget } from '@lumino/widgets';

import type { Channel } from '../ui/channel/channel.js';
import type { Value } from '../ui/value.js';
import type { View } from '../ui/wire/types.js';

/** Whether this Jupyter server has a bridge. */
export type Reached =
  { kind: 'asking' } | { kind: 'missing'; reason: string } | { kind: 'there'; channel: Channel };

export interface IOrbit {
  readonly reached: Value<Reached>;
  /** Ask once more, after the bridge was missing. */
  ask(): void;
  /** Show a view in a tab of the main area: the one that has it, or a new one. */
  open(view: View): void;
  /** The view that a tab shows; null where it is no tab of ours. */
  viewOf(widget: Widget | null): View | null;
}

export const IOrbit = new Token<IOrbit>('orbit-jupyter-lab:IOrbit', 'Orbit’s bridge, and its views in tabs.');

/** Id of the plugin that has the settings; `schema/plugin.json` is called after it. */
export const PLUGIN = 'orbit-jupyter-lab:plugin';

/** Id of the panel in the left side bar. */
export const PANEL = 'orbit-panel';

export const Commands = {
  open: 'orbit:open',
  panel: 'orbit:panel',
  explorer: 'orbit:explorer',
  map: 'orbit:map',
  log: 'orbit:log',
  jobs: 'orbit:jobs',
  page: 'orbit:page',
} as const;
