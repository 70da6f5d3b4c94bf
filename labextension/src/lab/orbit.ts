/** The plugin that the others need: the bridge, and views in tabs. */

import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from '@jupyterlab/application';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';

import { toHash } from '../ui/address.js';
import { renderCell } from '../ui/cell.js';
import type { OrbitElement } from '../ui/element.js';
import type { View } from '../ui/wire/types.js';
import { Reach } from './reach.js';
import { Tabs } from './tabs.js';
import { IOrbit, PLUGIN } from './tokens.js';

/** Where the widgets of cells look for a renderer first: `orbit_jupyter_widgets/loader.js`. */
const UI = Symbol.for('orbit-jupyter.ui');

export const orbit: JupyterFrontEndPlugin<IOrbit> = {
  id: PLUGIN,
  description: 'Orbit’s bridge, and its views in tabs.',
  autoStart: true,
  provides: IOrbit,
  optional: [ILabShell, ILayoutRestorer],
  activate: (app: JupyterFrontEnd, shell: ILabShell | null, restorer: ILayoutRestorer | null) => {
    // Else they would load another copy of it, with a state of its own.
    (globalThis as { [UI]?: unknown })[UI] ??= { renderCell };
    const reach = new Reach(app.serviceManager.serverSettings, PageConfig.getBaseUrl());
    // Notebook 7 has one tab, which is the notebook's: what is opened there is a page of the Explorer.
    const open = (view: View) => (shell ? tabs.open(view) : page(view));
    const made: IOrbit = {
      reached: reach.value,
      ask: () => reach.ask(),
      open: view => void open(view),
      viewOf: widget => tabs.viewOf(widget),
    };
    const tabs = new Tabs(app, () => made, restorer);
    document.addEventListener('orbit-open', event => {
      if (isOurs(event, made)) {
        event.preventDefault(); // a cell need not open a page
        open(event.detail);
      }
    });
    reach.ask();
    return made;
  },
};

function page(view: View): void {
  window.open(URLExt.join(PageConfig.getBaseUrl(), 'orbit/') + toHash(view), '_blank', 'noopener');
}

/** Whether a view is asked for that the bridge of this server has: a cell's kernel may use another one. */
function isOurs(event: CustomEvent<View>, orbit: IOrbit): boolean {
  const asking = event.composedPath().find(one => one instanceof HTMLElement && 'channel' in one);
  const bridge = (asking as OrbitElement | undefined)?.channel?.bridge.value?.id;
  const reached = orbit.reached.value;
  const ours = reached.kind === 'there' ? reached.channel.bridge.value?.id : undefined;
  return !bridge || bridge === ours;
}
