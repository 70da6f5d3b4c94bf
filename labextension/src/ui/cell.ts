/** A view in a notebook's cell: a widget's traits and a view's state, kept alike. */

import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { copyText } from './clipboard.js';
import { toHash } from './address.js';
import { bindingsOf, type BoundView } from './bindings.js';
import { Bound, type CellModel } from './bound.js';
import { choose, ownBase, type Chosen } from './channel/choice.js';
import { define } from './define.js';
import { OrbitElement, type Toast } from './element.js';
import { disconnected, empty, loading } from './parts/notice.js';
import type { Toasts } from './parts/toasts.js';
import { show } from './show.js';
import { endpointsOf } from './state/endpoints.js';
import type { Unwatch } from './value.js';
import { base, theme } from './theme.js';
import { lacking, whole } from './whole.js';
import type { View } from './wire/types.js';
import './parts/toasts.js';
import './views/explorer.js';

/** Show a widget's view in an element; what is returned takes it away. */
export function renderCell({ model, el }: { model: CellModel; el: HTMLElement }): () => void {
  const cell = document.createElement('orbit-cell') as Cell;
  cell.model = model;
  el.append(cell);
  return () => cell.remove();
}

@define('orbit-cell')
export class Cell extends OrbitElement {
  static override styles = [
    theme,
    base,
    css`
      .view {
        overflow: auto;
        max-height: 640px;
        padding: 1px;
      }
      .explorer {
        height: 560px;
        max-height: none;
        border: 1px solid var(--o-border);
        border-radius: var(--o-radius);
      }
      .explorer > * {
        height: 100%;
      }
      footer {
        padding: 2px 4px 0;
      }
    `,
  ];

  @property({ attribute: false }) model!: CellModel;
  @state() private problem = '';

  private chosen: Chosen | null = null;
  private turn = 0;
  private bound: Bound | null = null;
  private toasts: Toasts | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    for (const name of ['endpoint', 'plugin', 'job']) {
      this.model.on(`change:${name}`, this.redraw);
    }
    this.model.on('change:channel', this.choose);
    this.choose();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const name of ['endpoint', 'plugin', 'job']) {
      this.model.off(`change:${name}`, this.redraw);
    }
    this.model.off('change:channel', this.choose);
    this.turn += 1;
    this.unbind();
    this.chosen?.release();
    this.chosen = null;
    this.toasts?.remove();
    this.toasts = null;
  }

  protected override start(): Unwatch[] {
    return [
      this.channel.connection.watch(this.redraw),
      endpointsOf(this.channel).all.watch(this.redraw),
      this.channel.bridge.watch(this.redraw),
    ];
  }

  override render(): TemplateResult {
    if (this.problem) {
      return empty(this.problem);
    }
    if (!this.channel) {
      return loading('Looking for the bridge');
    }
    const view = this.view();
    const connection = this.channel.connection.value;
    if (!this.channel.bridge.value && connection.kind !== 'connected') {
      return html`${disconnected(connection)}`;
    }
    const missing = lacking(view, this.channel);
    const through = this.channel.kind === 'comm' ? 'live through the kernel' : nothing;
    return html`
      ${view.view === 'explorer' ? nothing : disconnected(connection)}
      <div
        class="view ${view.view}"
        @orbit-open=${this.opened}
        @orbit-toast=${this.told}
        @orbit-code=${this.offered}
      >
        ${missing ? empty(missing) : show(view, this.channel)}
      </div>
      <footer class="soft small">${through}</footer>
    `;
  }

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    if (!this.isConnected) {
      return; // drawn late
    }
    const view = this.renderRoot.querySelector<BoundView>('.view > *');
    if (view !== this.bound?.view) {
      this.unbind();
      if (view?.addController) {
        this.bound = new Bound(view, this.model, bindingsOf(this.text('_kind')));
      }
    }
  }

  private unbind(): void {
    this.bound?.end();
    this.bound = null;
  }

  private redraw = (): void => this.requestUpdate();

  private choose = (): void => {
    const turn = ++this.turn;
    const always = this.model.get('channel') === 'kernel';
    void choose(this.text('bridge'), this.model, ownBase(), always).then(
      chosen => {
        if (turn !== this.turn) {
          chosen.release();
          return;
        }
        this.chosen?.release();
        this.chosen = chosen;
        this.channel = chosen.channel;
        this.model.set('reached', chosen.channel.kind);
        this.model.save_changes();
      },
      (error: unknown) => (this.problem = String(error)),
    );
  };

  private view(): View {
    const kind = this.text('_kind') as View['view'];
    const [endpoint, plugin, job] = [this.text('endpoint'), this.text('plugin'), this.text('job')];
    return whole({ view: kind, endpoint, plugin, job }, this.channel);
  }

  private text(name: string): string {
    const value = this.model.get(name);
    return typeof value === 'string' ? value : '';
  }

  /** Ask whoever holds the cell to show something else, as JupyterLab does in a tab; else it is a page of its own. */
  private opened = (event: CustomEvent<View>): void => {
    if (this.text('_kind') === 'map' && event.detail.endpoint) {
      this.model.set('selected', event.detail.endpoint);
      this.model.save_changes();
    }
    if (this.asked(event)) {
      const url = this.channel.http?.base ?? `${this.channel.bridge.value?.url ?? ''}/`;
      window.open(`${url}${toHash(event.detail)}`, '_blank', 'noopener');
    }
  };

  private told = (event: CustomEvent<Toast>): void => {
    if (this.asked(event)) {
      this.say(event.detail);
    }
  };

  private offered = (event: CustomEvent<string>): void => {
    if (this.asked(event)) {
      void copyText(event.detail).then(
        () => this.say({ text: 'The code was copied: paste it into a cell.', level: 'success' }),
        () => this.say({ text: `It can’t be copied here: ${event.detail}`, level: 'warning' }),
      );
    }
  };

  /** Ask the page in an event that can be prevented; return whether nobody there has taken it. */
  private asked(event: CustomEvent<unknown>): boolean {
    event.stopPropagation();
    const { type, detail } = event;
    return this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  private say(toast: Toast): void {
    if (!this.toasts) {
      this.toasts = document.createElement('orbit-toasts') as Toasts;
      this.toasts.channel = this.channel;
      this.toasts.addEventListener('orbit-open', this.opened);
      this.renderRoot.append(this.toasts);
    }
    this.toasts.add(toast);
  }
}
