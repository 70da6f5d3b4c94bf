/** A page that is a plugin's own JavaScript, in a shadow root: its styles and its names are not the renderer's. */

import { html, type PropertyValues, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { asOrbitError } from '../../channel/errors.js';
import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { trackedOf, type TaskEvents } from '../../state/tracked.js';
import type { Unwatch } from '../../value.js';
import { base, buttons, inputs, tables, theme } from '../../theme.js';
import { moduleApi, type ModuleApi } from './api.js';
import { failed } from '../notice.js';
import type { PluginModule } from './module.js';

@define('orbit-own-page')
export class OwnPage extends OrbitElement {
  static override styles = [theme, base, buttons, inputs, tables];

  @property() endpoint = '';
  @property() plugin = '';
  @property({ attribute: false }) module: PluginModule = {};
  @state() private error: unknown = null;

  private page: HTMLElement | null = null;
  private api: ModuleApi | null = null;

  protected override sources(): unknown[] {
    return [this.channel, this.endpoint, this.plugin, this.module];
  }

  protected override start(): Unwatch[] {
    const mine = { endpoint: this.endpoint, plugin: this.plugin };
    return [this.channel.subscribe(mine, event => this.told({ ...event }))];
  }

  override render(): TemplateResult {
    return html`${this.error ? failed(this.error) : ''}
      <div class="page" .style=${'display:contents'}></div>
      <dialog></dialog>`;
  }

  protected override updated(changed: PropertyValues): void {
    if (['channel', 'endpoint', 'plugin', 'module'].some(name => changed.has(name))) {
      this.begin();
    }
  }

  private begin(): void {
    const page = document.createElement('div');
    this.renderRoot.querySelector('.page')!.replaceChildren(page);
    this.page = page;
    const api = (this.api = moduleApi(this.channel, this.endpoint, this.plugin, {
      flash: (message, ok) => this.toast(message, ok ? 'success' : 'error'),
      overlay: (title, content) => this.overlay(title, content),
      openEndpoint: () => this.open({ view: 'endpoint', endpoint: this.endpoint }),
      track: (plugin, id, label) =>
        trackedOf(this.channel).register(this.endpoint, plugin, this.taskEvents(), id, label),
    }));
    const { module } = this;
    this.run(() => {
      setMarkup(page, module.template?.() ?? '');
      page.querySelectorAll('.endpoint-label').forEach(one => (one.textContent = this.endpoint));
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(module.css?.() ?? '');
      const root = this.renderRoot as ShadowRoot;
      root.adoptedStyleSheets = [...root.adoptedStyleSheets.filter(one => one !== this.sheet), sheet];
      this.sheet = sheet;
    });
    this.run(() => module.init?.(page, api));
    this.run(() => module.onShow?.(page, api));
  }

  private sheet: CSSStyleSheet | null = null;

  private told(event: { endpoint: string; plugin: string; topic: string; data: Record<string, unknown> }): void {
    const { page, api } = this;
    if (page && api) {
      const { endpoint, plugin, topic, data } = event;
      const tasks = this.taskEvents();
      if (!tasks.topic || tasks.topic === topic) {
        trackedOf(this.channel).take(endpoint, plugin, tasks, data);
      }
      this.run(() => this.module.onNotification?.({ endpoint, plugin, topic, data }, page, api));
    }
  }

  private taskEvents(): TaskEvents {
    const { topic = '', idField = 'uid' } = this.module.notificationConfig ?? {};
    return { topic, idField };
  }

  /** What fails in the plugin's page is shown there. */
  private run(act: () => unknown): void {
    const fail = (error: unknown) => (this.error = asOrbitError(error));
    try {
      Promise.resolve(act()).catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  private overlay(title: string, content: string): void {
    const dialog = this.renderRoot.querySelector('dialog')!;
    const head = document.createElement('h2');
    head.textContent = title;
    const body = document.createElement('div');
    setMarkup(body, content);
    const close = document.createElement('button');
    close.textContent = 'Close';
    close.addEventListener('click', () => dialog.close());
    dialog.replaceChildren(head, body, close);
    dialog.showModal();
  }
}

/** The only place where markup is taken as such: it is the text of a module that is installed beside the bridge. */
function setMarkup(element: HTMLElement, markup: string): void {
  // eslint-disable-next-line no-restricted-properties
  element.innerHTML = markup;
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-own-page': OwnPage;
  }
}
