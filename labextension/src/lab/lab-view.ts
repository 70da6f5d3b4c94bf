/** A view where JupyterLab shows it: in a tab of the main area, or as a cell's output. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { property } from 'lit/decorators.js';

import { define } from '../ui/define.js';
import { OrbitElement } from '../ui/element.js';
import { disconnected, empty, loading } from '../ui/parts/notice.js';
import { show } from '../ui/show.js';
import { endpointsOf } from '../ui/state/endpoints.js';
import type { Unwatch } from '../ui/value.js';
import { base, buttons, theme } from '../ui/theme.js';
import '../ui/views/explorer.js';
import { lacking, whole } from '../ui/whole.js';
import type { View } from '../ui/wire/types.js';
import type { IOrbit } from './tokens.js';

/** Shows what there is as soon as it is known whether there is a bridge. */
export class Attached extends OrbitElement {
  @property({ attribute: false }) orbit!: IOrbit;

  private unwatch: Unwatch | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.unwatch = this.orbit.reached.watch(this.look);
    this.look();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.unwatch?.();
    this.unwatch = null;
  }

  protected override start(): Unwatch[] {
    const redraw = () => this.requestUpdate();
    return [
      this.channel.connection.watch(redraw),
      this.channel.bridge.watch(redraw),
      endpointsOf(this.channel).all.watch(redraw),
    ];
  }

  protected waiting(): TemplateResult {
    const reached = this.orbit.reached.value;
    return reached.kind === 'missing'
      ? empty(reached.reason, html`<button @click=${() => this.orbit.ask()}>Try again</button>`)
      : loading('Looking for the bridge');
  }

  private look = (): void => {
    const reached = this.orbit.reached.value;
    if (reached.kind === 'there') {
      this.channel = reached.channel;
    }
    this.requestUpdate();
  };
}

@define('orbit-lab-view')
export class LabView extends Attached {
  static override styles = [
    theme,
    base,
    buttons,
    css`
      :host {
        background: var(--o-bg);
        container-type: inline-size;
      }
      :host([in='tab']) {
        height: 100%;
        overflow: auto;
      }
      :host([in='tab']) .view:not(.explorer) {
        padding: 14px 18px;
      }
      :host([in='tab']) .explorer,
      :host([in='tab']) .explorer > * {
        height: 100%;
      }
      :host([in='output']) .view {
        max-height: 640px;
        overflow: auto;
        padding: 1px;
      }
      :host([in='output']) .explorer {
        height: 560px;
        border: 1px solid var(--o-border);
        border-radius: var(--o-radius);
      }
      :host([in='output']) .explorer > * {
        height: 100%;
      }
    `,
  ];

  @property({ attribute: false }) view!: View;

  override render(): TemplateResult {
    if (!this.channel) {
      return this.waiting();
    }
    const connection = this.channel.connection.value;
    const bridge = this.channel.bridge.value;
    if (!bridge && connection.kind !== 'connected') {
      return html`${disconnected(connection)}`;
    }
    if (bridge && this.view.bridge && this.view.bridge !== bridge.id) {
      return empty(
        'This was made with another bridge than that of this Jupyter server, which can’t be reached from here. Run the cell again to see it.',
      );
    }
    const missing = lacking(this.view, this.channel);
    return html`${this.view.view === 'explorer' ? nothing : disconnected(connection)}
      <div class="view ${this.view.view}">
        ${missing ? empty(missing) : show(whole(this.view, this.channel), this.channel)}
      </div>`;
  }
}
