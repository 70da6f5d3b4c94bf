/** Views in tabs of the main area: one tab a view, there again after a reload. */

import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';

import { fromHash, toHash } from '../ui/address.js';
import { titleOf } from '../ui/pages.js';
import type { View } from '../ui/wire/types.js';
import { orbitIcon } from './icon.js';
import type { LabView } from './lab-view.js';
import { Commands, type IOrbit } from './tokens.js';
import './lab-view.js';

/** An element of ours as a widget of Lumino's. */
export class ElementWidget<E extends HTMLElement> extends Widget {
  constructor(readonly element: E) {
    super();
    this.node.append(element);
  }
}

export class Tabs {
  private tracker = new WidgetTracker<MainAreaWidget>({ namespace: 'orbit' });
  private views = new WeakMap<Widget, View>();

  constructor(
    private app: JupyterFrontEnd,
    private orbit: () => IOrbit,
    restorer: ILayoutRestorer | null,
  ) {
    app.commands.addCommand(Commands.open, {
      label: args => `Open ${titleOf(viewOf(args) ?? { view: 'explorer' })}`,
      describedBy: { args: ARGS },
      execute: args => {
        const view = viewOf(args);
        return view ? this.open(view) : undefined;
      },
    });
    void restorer?.restore(this.tracker, {
      command: Commands.open,
      args: tab => ({ ...this.views.get(tab) }),
      name: tab => toHash(this.views.get(tab) ?? { view: 'explorer' }),
    });
  }

  open(view: View): MainAreaWidget {
    const address = toHash(view);
    const tab = this.tracker.find(one => toHash(this.views.get(one)!) === address) ?? this.make(view, address);
    if (!tab.isAttached) {
      this.app.shell.add(tab, 'main');
    }
    this.app.shell.activateById(tab.id);
    return tab;
  }

  /** The view of the tab in front, where that is one of ours. */
  viewOf(widget: Widget | null): View | null {
    return (widget && this.views.get(widget)) ?? null;
  }

  private make(view: View, address: string): MainAreaWidget {
    const element = document.createElement('orbit-lab-view') as LabView;
    element.orbit = this.orbit();
    element.view = view;
    element.setAttribute('in', 'tab');
    const content = new ElementWidget(element);
    content.node.tabIndex = -1;
    const tab = new MainAreaWidget({ content });
    tab.id = `orbit${address}`;
    tab.title.label = titleOf(view);
    tab.title.caption = titleOf(view);
    tab.title.icon = orbitIcon;
    tab.toolbar.hide();
    this.views.set(tab, view);
    void this.tracker.add(tab);
    return tab;
  }
}

/** Return what describes a view, from wherever it comes; null where it isn't one. */
export function viewOf(data: unknown): View | null {
  if (typeof data !== 'object' || data === null) {
    return null;
  }
  const { view, endpoint, plugin, job, bridge } = data as Record<string, unknown>;
  const words = [view, endpoint ?? '', plugin ?? '', job ?? '', bridge ?? ''];
  if (!words.every(word => typeof word === 'string') || !fromHash(`#/${words[0]}/any`)) {
    return null;
  }
  const named = { endpoint, plugin, job, bridge };
  return { view, ...Object.fromEntries(Object.entries(named).filter(([, word]) => word)) } as View;
}

const ARGS = {
  type: 'object',
  required: ['view'],
  properties: Object.fromEntries(['view', 'endpoint', 'plugin', 'job'].map(name => [name, { type: 'string' }])),
};
