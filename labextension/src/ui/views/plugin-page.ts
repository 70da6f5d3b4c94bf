/** The page of a plugin, drawn from its `ui_config` alone. */

import { Task } from '@lit/task';
import { css, html, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import '../parts/form/form.js';
import type { Submitted } from '../parts/form/form.js';
import '../parts/monitor/monitor.js';
import { jsonTemplate } from '../parts/monitor/values.js';
import { away, empty, shown } from '../parts/notice.js';
import '../parts/module/own-page.js';
import { moduleOf } from '../parts/module/module.js';
import { endpointsOf, type Endpoint } from '../state/endpoints.js';
import type { Unwatch } from '../value.js';
import { base, buttons, theme } from '../theme.js';
import type { PluginInfo, UIConfig, UIForm, UIMonitor } from '../wire/types.js';

@define('orbit-plugin-page')
export class PluginPage extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    css`
      :host {
        container-type: inline-size;
      }
      .head {
        display: flex;
        align-items: baseline;
        gap: 8px;
        flex-wrap: wrap;
        margin-bottom: 14px;
      }
      .head p {
        flex-basis: 100%;
      }
      .parts {
        display: grid;
        gap: 16px;
        align-items: start;
        grid-template-columns: minmax(0, 1fr);
      }
      .column {
        display: grid;
        gap: 16px;
        min-width: 0;
      }
      .answer {
        border-top: 1px solid var(--o-border);
        padding: 8px 14px;
      }
      .answer pre {
        max-height: 260px;
        overflow: auto;
        margin-top: 6px;
      }
      summary {
        cursor: pointer;
      }
      @container (min-width: 860px) {
        .parts.both {
          grid-template-columns: minmax(300px, 420px) minmax(0, 1fr);
        }
      }
    `,
  ];

  @property() endpoint = '';
  @property() plugin = '';
  /** Counts what asks for all monitors to be read anew. */
  @state() private refresh = 0;
  @state() private answers: ReadonlyMap<string, unknown> = new Map();

  private wasThere = false;

  private module = new Task(this, {
    args: () => [this.channel, this.asksForModule() ? (this.info?.type ?? '') : ''] as const,
    task: ([channel, type]) => (type ? moduleOf(channel, type) : null),
  });

  protected override sources(): unknown[] {
    return [this.channel, this.endpoint, this.plugin];
  }

  protected override start(): Unwatch[] {
    this.answers = new Map();
    this.wasThere = this.isThere;
    return [
      endpointsOf(this.channel).all.watch(() => {
        const now = this.isThere;
        if (now && !this.wasThere) {
          this.refresh += 1; // it is back, maybe with another life
        }
        this.wasThere = now;
        this.requestUpdate();
      }),
    ];
  }

  override render(): TemplateResult | typeof nothing {
    const one = this.one;
    const info = this.info;
    if (!one || !info) {
      const what = one
        ? html`a plugin called <strong>${this.plugin}</strong>`
        : html`<strong>${this.endpoint}</strong>`;
      return this.note(
        one ? html`${this.endpoint} doesn’t have ${what}.` : html`No endpoint called ${what} is connected.`,
        one ? this.others() : html`It appears here by itself once it is.`,
      );
    }
    if (info.enabled === false) {
      return html`${this.head(info)}
        <div class="card">
          <div class="notice">
            <p><strong class="bad">✕ Not loaded.</strong> ${info.error || 'The endpoint doesn’t say why.'}</p>
            ${toInstall(info.error)}
          </div>
        </div>`;
    }
    if (this.ui.stub_message) {
      return html`<div class="card"><div class="notice">${this.ui.stub_message}</div></div>`;
    }
    return html`${this.head(info)} ${away(one)}
    ${this.asksForModule() ? shown(this.module, module => this.withModule(info, module), this.again) : this.parts(info)}`;
  }

  private get one(): Endpoint | undefined {
    return endpointsOf(this.channel).all.value.get(this.endpoint);
  }

  private get info(): PluginInfo | undefined {
    return this.one?.plugins.get(this.plugin);
  }

  private get ui(): Partial<UIConfig> {
    return (this.info?.ui_config ?? {}) as Partial<UIConfig>;
  }

  private get isThere(): boolean {
    return this.one?.state === 'present';
  }

  private asksForModule(): boolean {
    return Boolean(this.channel && this.ui.custom_template && !this.ui.stub_message);
  }

  private head(info: PluginInfo): TemplateResult {
    const { icon = '🔌', title, description, refresh_button: button } = this.ui;
    return html`<div class="head">
      <h1 class="grow"><span aria-hidden="true">${icon}</span> ${title || this.plugin}</h1>
      ${button ? html`<button @click=${this.again}>Refresh</button>` : nothing}
      <p class="soft">
        <button class="link" @click=${() => this.open({ view: 'endpoint', endpoint: this.endpoint })}>
          ${this.endpoint}</button
        >${description ? ` · ${description}` : nothing}${info.version ? ` · ${info.version}` : nothing}
      </p>
    </div>`;
  }

  private withModule(info: PluginInfo, module: Awaited<ReturnType<typeof moduleOf>>): TemplateResult {
    if (module) {
      return html`<orbit-own-page
        .channel=${this.channel}
        .endpoint=${this.endpoint}
        .plugin=${this.plugin}
        .module=${module}
      ></orbit-own-page>`;
    }
    if (this.ui.forms?.length || this.ui.monitors?.length) {
      return this.parts(info);
    }
    return this.note(
      html`This plugin’s page is JavaScript of its own, and
      ${
        this.channel.http
          ? html`the package that brings it, with the plugin <code>${info.type}</code>, isn’t installed beside the
              bridge.`
          : html`it can’t be loaded through a kernel: open the bridge’s own page.`
      }`,
      html`From Python the plugin works all the same: <code>hpc.get_plugin(…)</code>.`,
    );
  }

  private parts(info: PluginInfo): TemplateResult {
    const { forms = [], auto_load: load = '' } = this.ui;
    // What the page as a whole loads is shown even where it describes nothing to show it in.
    const alone: UIMonitor[] = load ? [{ id: 'answer', title: this.ui.title ?? '', type: 'raw' }] : [];
    const monitors = this.ui.monitors?.length ? this.ui.monitors : alone;
    if (!forms.length && !monitors.length) {
      return this.note(
        html`This plugin has no page of its own.`,
        html`From Python: <code>hpc.get_plugin(…).call("GET", …)</code>.`,
      );
    }
    return html`<div class="parts ${forms.length && monitors.length ? 'both' : ''}">
      ${forms.length ? html`<div class="column">${forms.map(form => this.form(info, form))}</div>` : nothing}
      ${
        monitors.length
          ? html`<div class="column">${monitors.map(monitor => this.monitor(info, monitor, load))}</div>`
          : nothing
      }
    </div>`;
  }

  private form(info: PluginInfo, form: UIForm): TemplateResult {
    const answer = this.answers.get(form.id);
    return html`<section class="card">
      ${form.title ? html`<header><h2>${form.title}</h2></header>` : nothing}
      <div class="body">
        <orbit-form
          .channel=${this.channel}
          .endpoint=${this.endpoint}
          .plugin=${this.plugin}
          .type=${info.type}
          .form=${form}
          @orbit-submitted=${this.submitted}
        ></orbit-form>
      </div>
      ${
        answer === undefined || answer === null
          ? nothing
          : html`<details class="answer" open>
              <summary class="soft">Answer</summary>
              ${jsonTemplate(answer)}
            </details>`
      }
    </section>`;
  }

  private monitor(info: PluginInfo, monitor: UIMonitor, load: string): TemplateResult {
    return html`<orbit-monitor
      .channel=${this.channel}
      .endpoint=${this.endpoint}
      .plugin=${this.plugin}
      .type=${info.type}
      .monitor=${monitor}
      .notifications=${this.ui.notifications ?? null}
      .load=${load}
      .refresh=${this.refresh}
    ></orbit-monitor>`;
  }

  private others(): TemplateResult {
    const names = [...(this.one?.plugins.keys() ?? [])];
    return html`${names.length ? `It has ${names.join(', ')}.` : 'It has none.'}`;
  }

  private note(text: TemplateResult, next: TemplateResult): TemplateResult {
    return html`<div class="card">
      ${empty(
        '',
        html`<p>${text}</p>
          <p>${next}</p>`,
      )}
    </div>`;
  }

  private submitted = (event: CustomEvent<Submitted>): void => {
    this.answers = new Map(this.answers).set(event.detail.form, event.detail.answer);
    this.refresh += 1;
  };

  private again = (): void => {
    this.refresh += 1;
    if (this.asksForModule()) {
      void this.module.run();
    }
  };
}

/** What to do about a module that is missing. */
function toInstall(error: string | null | undefined): TemplateResult {
  const missing = /needs the Python module ([\w.]+)/.exec(error ?? '')?.[1];
  return missing
    ? html`<p>
        On the endpoint’s machine: <code>pip install ${missing.split('.')[0]}</code>, in the environment that it
        runs in; then start it again.
      </p>`
    : html`<p class="soft">When that is mended, start the endpoint again.</p>`;
}
