/** The panel in the left side bar: the tree of endpoints, and where all of it can be seen. */

import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { css, html, type TemplateResult } from 'lit';
import { property } from 'lit/decorators.js';

import { define } from '../ui/define.js';
import { disconnected } from '../ui/parts/notice.js';
import { base, buttons, theme } from '../ui/theme.js';
import type { View } from '../ui/wire/types.js';
import '../ui/views/endpoints.js';
import { orbitIcon } from './icon.js';
import { Attached } from './lab-view.js';
import { ElementWidget } from './tabs.js';
import { settingsOf } from './settings.js';
import { IOrbit, PANEL } from './tokens.js';

@define('orbit-lab-panel')
export class LabPanel extends Attached {
  static override styles = [
    theme,
    base,
    buttons,
    css`
      :host {
        display: flex;
        flex-direction: column;
        height: 100%;
        background: var(--o-bg);
      }
      header {
        display: flex;
        align-items: center;
        gap: 4px;
        padding: 6px 8px 6px 12px;
        border-bottom: 1px solid var(--o-border);
      }
      .tree {
        flex: 1 1 0;
        overflow: auto;
        padding: 6px 0;
      }
    `,
  ];

  /** What the tab in front shows. */
  @property({ attribute: false }) current: View | null = null;

  override render(): TemplateResult {
    return html`
      <header>
        <h2 class="grow cut">Endpoints</h2>
        <button
          class="plain"
          title="Join a cluster…"
          aria-label="Join a cluster…"
          @click=${() => this.open({ view: 'join' })}
        >
          Join
        </button>
        <button class="plain" @click=${() => this.open({ view: 'map' })}>Map</button>
        <button class="plain" @click=${() => this.open({ view: 'log' })}>Log</button>
      </header>
      <div class="tree">
        ${
          this.channel
            ? html`${disconnected(this.channel.connection.value)}
                <orbit-endpoints .channel=${this.channel} .current=${this.current}></orbit-endpoints>`
            : this.waiting()
        }
      </div>
    `;
  }
}

export const panel: JupyterFrontEndPlugin<void> = {
  id: 'orbit-jupyter-lab:panel',
  description: 'The endpoints in the left side bar.',
  autoStart: true,
  requires: [IOrbit],
  optional: [ILabShell, ILayoutRestorer, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    orbit: IOrbit,
    shell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null,
  ) => {
    const element = document.createElement('orbit-lab-panel') as LabPanel;
    element.orbit = orbit;
    const widget = new ElementWidget(element);
    widget.id = PANEL;
    widget.title.icon = orbitIcon;
    widget.title.caption = 'Orbit: endpoints';
    app.shell.add(widget, 'left', { rank: 850, type: 'Orbit' });
    restorer?.add(widget, widget.id);
    shell?.currentChanged.connect((_, { newValue }) => (element.current = orbit.viewOf(newValue)));
    void settingsOf(app, settings).then(mine => {
      if (mine?.get('openAtStart').composite === true) {
        app.shell.activateById(widget.id);
      }
    });
  },
};
