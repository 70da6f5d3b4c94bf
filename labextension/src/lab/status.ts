/** The item in the status bar: endpoints and running jobs; a mark and a word in red where one is lost. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { css, html, nothing, type TemplateResult } from 'lit';

import { define } from '../ui/define.js';
import { plural } from '../ui/text/format.js';
import { endpointsOf } from '../ui/state/endpoints.js';
import { runningJobs } from '../ui/state/running.js';
import type { Unwatch } from '../ui/value.js';
import { base, theme } from '../ui/theme.js';
import { Attached } from './lab-view.js';
import { ElementWidget } from './tabs.js';
import { Commands, IOrbit } from './tokens.js';

@define('orbit-lab-status')
export class LabStatus extends Attached {
  static override styles = [
    theme,
    base,
    css`
      :host {
        height: 100%;
        font-size: var(--jp-ui-font-size1, 13px);
        line-height: 24px;
      }
      button {
        font: inherit;
        color: inherit;
        background: none;
        border: 0;
        padding: 0 6px;
        height: 100%;
        cursor: pointer;
        white-space: nowrap;
      }
      button:hover {
        background: var(--jp-layout-color3, #ddd);
      }
      .bad {
        font-weight: 600;
      }
    `,
  ];

  protected override start(): Unwatch[] {
    const jobs = runningJobs(this.channel);
    return [...super.start(), jobs.state.watch(() => this.requestUpdate()), jobs.use()];
  }

  override render(): TemplateResult {
    const reached = this.orbit.reached.value;
    return html`<button title="Orbit: show the endpoints" @click=${this.clicked}>
      ${reached.kind === 'missing' ? 'Orbit: no bridge' : this.channel ? this.numbers() : 'Orbit …'}
    </button>`;
  }

  private numbers(): TemplateResult {
    const { kind } = this.channel.connection.value;
    if (kind !== 'connected') {
      return kind === 'connecting'
        ? html`Orbit …`
        : html`<span class="bad"><span aria-hidden="true">✕</span> Orbit: bridge away</span>`;
    }
    const all = [...endpointsOf(this.channel).all.value.values()];
    const lost = all.filter(one => one.state === 'lost' || one.state === 'gone').length;
    const counts = [...runningJobs(this.channel).state.value.counts.values()];
    const running = counts.reduce((sum, one) => sum + one.active, 0);
    const here = `Orbit: ${plural(all.length - lost, 'endpoint')}`;
    const jobs = running ? ` · ${plural(running, 'job')} running` : '';
    const away = html` · <span class="bad"><span aria-hidden="true">✕</span> ${lost} lost</span>`;
    return html`${here}${jobs}${lost ? away : nothing}`;
  }

  private clicked = (): void => {
    this.dispatchEvent(new CustomEvent('orbit-panel'));
  };
}

export const status: JupyterFrontEndPlugin<void> = {
  id: 'orbit-jupyter-lab:status',
  description: 'Endpoints and running jobs in the status bar.',
  autoStart: true,
  requires: [IOrbit],
  optional: [IStatusBar],
  activate: (app: JupyterFrontEnd, orbit: IOrbit, bar: IStatusBar | null) => {
    if (bar) {
      const element = document.createElement('orbit-lab-status') as LabStatus;
      element.orbit = orbit;
      element.addEventListener('orbit-panel', () => void app.commands.execute(Commands.panel));
      bar.registerStatusItem('orbit-jupyter-lab:status', {
        item: new ElementWidget(element),
        align: 'left',
        rank: 20,
      });
    }
  },
};
