/** One endpoint: what it is, how to reach it from code, its plugins, and its end. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { asOrbitError, type OrbitError } from '../channel/errors.js';
import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import '../parts/ago.js';
import { questionLook, questionTemplate, type Question } from '../parts/confirm.js';
import { plural } from '../text/format.js';
import { failed } from '../parts/notice.js';
import { stateTemplate } from '../parts/states.js';
import { pageOf } from '../pages.js';
import { allocationsOf } from '../state/allocations.js';
import { endpointsOf, type Endpoint } from '../state/endpoints.js';
import type { Unwatch } from '../value.js';
import { base, buttons, tables, theme } from '../theme.js';

@define('orbit-endpoint')
export class EndpointView extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    tables,
    questionLook,
    css`
      :host {
        display: grid;
        gap: 16px;
        align-content: start;
      }
      dl {
        display: grid;
        grid-template-columns: max-content 1fr;
        gap: 4px 16px;
        margin: 0;
      }
      dt {
        color: var(--o-text-soft);
      }
      dd {
        margin: 0;
        overflow-wrap: anywhere;
      }
      dd code {
        white-space: pre-wrap;
      }
    `,
  ];

  @property() endpoint = '';
  @state() private question: Question | null = null;
  @state() private error: OrbitError | null = null;

  protected override sources(): unknown[] {
    return [this.channel, this.endpoint];
  }

  protected override start(): Unwatch[] {
    this.question = null;
    this.error = null;
    return [
      endpointsOf(this.channel).all.watch(() => this.requestUpdate()),
      allocationsOf(this.channel).known.watch(() => this.requestUpdate()),
    ];
  }

  override render(): TemplateResult {
    const one = endpointsOf(this.channel).all.value.get(this.endpoint);
    if (!one) {
      return html`<div class="card">
        <div class="notice soft">
          No endpoint called <strong>${this.endpoint}</strong> is connected. Start it with
          <code>orbit-endpoint --name ${this.endpoint}</code>; it appears here by itself.
        </div>
      </div>`;
    }
    return html`
      <section class="card">
        <header>
          <h2 class="grow cut">${one.name}</h2>
          ${stateTemplate(one.state === 'gone' ? 'lost' : one.state)}
        </header>
        <div class="body">
          <dl>
            ${
              one.state === 'gone'
                ? html`<dt>Lost since</dt>
                    <dd><orbit-ago .channel=${this.channel} .since=${one.since}></orbit-ago></dd>`
                : html`<dt>Connected since</dt>
                    <dd><orbit-ago .channel=${this.channel} .since=${one.since}></orbit-ago></dd>`
            }
            <dt>Host</dt>
            <dd>${one.hostname || '–'}</dd>
            <dt>User</dt>
            <dd>${one.user || '–'}</dd>
            <dt>Role</dt>
            <dd>${one.role || '–'}${one.scheduler && one.scheduler !== 'none' ? ` · ${one.scheduler}` : ''}</dd>
            ${
              one.jobId
                ? html`<dt>Allocation</dt>
                    <dd>job ${one.jobId}${this.left(one)}</dd>`
                : nothing
            }
            <dt>Round trip</dt>
            <dd>${one.roundTrip === null ? 'not measured yet' : `${one.roundTrip.toFixed(1)} ms`}</dd>
            <dt>In Python</dt>
            <dd>
              <code>${pythonOf(one.name)}</code>
              <button class="link" @click=${() => this.offerCode(pythonOf(one.name))}>Use it</button>
            </dd>
          </dl>
        </div>
        ${this.question ? questionTemplate(this.question, () => (this.question = null)) : nothing}
        <footer>${this.launch(one)}${this.end(one)}</footer>
        ${this.error ? failed(this.error) : nothing}
      </section>
      <section class="card">
        <header><h2>Plugins</h2></header>
        <table>
          <thead>
            <tr>
              <th>Plugin</th>
              <th>Version</th>
              <th>State</th>
            </tr>
          </thead>
          <tbody>
            ${[...one.plugins].map(([name, info]) => this.plugin(one, name, info))}
          </tbody>
        </table>
      </section>
    `;
  }

  private plugin(
    one: Endpoint,
    name: string,
    info: { type: string; version?: string; enabled?: boolean; error?: string | null },
  ) {
    const open = () => this.open(pageOf(one.name, name, info.type));
    return html`<tr>
      <td>${info.enabled === false ? name : html`<button class="link" @click=${open}>${name}</button>`}</td>
      <td>${info.version ?? ''}</td>
      <td>
        ${info.enabled === false ? html`<span class="bad">✕ not loaded:</span> ${info.error ?? ''}` : 'loaded'}
      </td>
    </tr>`;
  }

  private launch(one: Endpoint): TemplateResult | typeof nothing {
    if (one.state === 'gone' || !endpointsOf(this.channel).plugin(one.name, 'psij')) {
      return nothing;
    }
    const open = () => this.open({ view: 'launch', endpoint: one.name });
    return html`<button @click=${open}>Launch an endpoint…</button>`;
  }

  private end(one: Endpoint): TemplateResult | typeof nothing {
    if (one.state === 'gone') {
      return html`<span class="soft">It dials in again by itself when it runs.</span>`;
    }
    const ask = () => {
      this.question = {
        text: `End the endpoint ${one.name}? Its jobs go on; it does not come back by itself.`,
        yes: 'Disconnect',
        no: 'Keep it',
        danger: true,
        done: () => void this.disconnect(),
      };
    };
    return html`<button class="danger" @click=${ask}>Disconnect …</button>`;
  }

  private left(one: Endpoint): TemplateResult | typeof nothing {
    const { end_time: end, n_nodes: nodes } = allocationsOf(this.channel).of(one) ?? {};
    return html`${nodes ? ` · ${plural(nodes, 'node')}` : nothing}${
      end ? html` · <orbit-ago .channel=${this.channel} .until=${end * 1000}></orbit-ago> left` : nothing
    }`;
  }

  private async disconnect(): Promise<void> {
    try {
      const path = `/endpoint/disconnect/${encodeURIComponent(this.endpoint)}`;
      await this.channel.call({ endpoint: '', method: 'POST', path });
      this.toast(`${this.endpoint} was disconnected`, 'success');
    } catch (error) {
      this.error = asOrbitError(error);
    }
  }
}

function pythonOf(name: string): string {
  return `import orbit_jupyter as orbit\nhpc = orbit.connect()[${JSON.stringify(name)}]`;
}
