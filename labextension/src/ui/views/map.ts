/** Where everything is: the bridge, the endpoints that dial in to it, and what runs on them now. */

import { html, nothing, type TemplateResult } from 'lit';
import { state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';

import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import '../parts/ago.js';
import { plural } from '../text/format.js';
import { mapLook } from '../parts/map-look.js';
import { lookOf, stateTemplate } from '../parts/states.js';
import { endpointsOf, type Endpoint } from '../state/endpoints.js';
import { runningJobs, type Running, type RunningJob } from '../state/running.js';
import type { Unwatch } from '../value.js';
import { base, buttons, inputs, tables, theme } from '../theme.js';

/** More endpoints than this get a field to look for one. */
const MANY = 12;

@define('orbit-map')
export class MapView extends OrbitElement {
  static override styles = [theme, base, buttons, inputs, tables, mapLook];

  @state() private looked = '';

  protected override start(): Unwatch[] {
    const draw = () => this.requestUpdate();
    const running = runningJobs(this.channel);
    return [
      running.use(),
      running.state.watch(draw),
      endpointsOf(this.channel).all.watch(draw),
      this.channel.bridge.watch(draw),
      this.channel.connection.watch(draw),
    ];
  }

  override render(): TemplateResult {
    const all = [...endpointsOf(this.channel).all.value.values()].sort(byName);
    const running = runningJobs(this.channel).state.value;
    if (!all.length) {
      return html`<div class="all">${this.bridge(all)} ${this.first()}</div>`;
    }
    const words = this.looked.toLowerCase();
    const fits = all.filter(one => `${one.name} ${one.hostname} ${one.role}`.toLowerCase().includes(words));
    const names = new Set(fits.map(one => one.name));
    const roots = fits.filter(one => !names.has(one.parent));
    return html`<div class="all">
      ${this.summary(all, running)}
      <section aria-label="Map">
        ${this.bridge(all)}
        ${
          fits.length
            ? this.branch(roots, fits, running)
            : html`<p class="notice soft">No endpoint is like “${this.looked}”.</p>`
        }
      </section>
      ${this.now(running)}
    </div>`;
  }

  private summary(all: readonly Endpoint[], running: Running): TemplateResult {
    const number = (wanted: string) => all.filter(one => stateOf(one) === wanted).length;
    const [here, suspect, lost] = [number('present'), number('suspect'), number('lost')];
    let [active, waiting] = [0, 0];
    for (const count of running.counts.values()) {
      active += count.active;
      waiting += count.waiting;
    }
    return html`<header class="row wrap">
      <p class="grow summary">
        <strong>${plural(here + suspect, 'endpoint')}</strong>
        ${suspect ? html` · <span class="warn">◐ ${suspect} suspect</span>` : nothing}
        ${lost ? html` · <span class="bad">○ ${lost} lost</span>` : nothing}
        ${
          running.counts.size
            ? html` ·
              ${active || waiting ? `${plural(active, 'job')} running${waiting ? `, ${waiting.toLocaleString()} waiting` : ''}` : 'nothing runs'}`
            : nothing
        }
      </p>
      ${
        all.length > MANY
          ? html`<input
              class="find"
              type="search"
              placeholder="Find an endpoint"
              aria-label="Find an endpoint on the map"
              .value=${this.looked}
              @input=${(event: InputEvent) => (this.looked = (event.target as HTMLInputElement).value)}
            />`
          : nothing
      }
    </header>`;
  }

  private bridge(all: readonly Endpoint[]): TemplateResult {
    const facts = this.channel.bridge.value;
    const { kind } = this.channel.connection.value;
    const connected = kind === 'connected';
    return html`<div class="bridge card ${all.length ? 'linked' : ''}">
      <span class=${connected ? 'good' : 'warn'} aria-hidden="true">${connected ? '◆' : '◇'}</span>
      <span class="grow cut"
        ><strong>Bridge</strong> <span class="soft" title=${facts?.url ?? ''}>${facts?.url ?? ''}</span></span
      >
      ${facts?.user ? html`<span class="soft small cut user" title=${facts.user}>${facts.user}</span>` : nothing}
      ${connected ? nothing : html`<span class="warn small">${kind === 'lost' ? 'away' : kind}</span>`}
    </div>`;
  }

  /** Endpoints on one line from the bridge or from their parent; families come last, each over the whole width. */
  private branch(here: readonly Endpoint[], all: readonly Endpoint[], running: Running): TemplateResult {
    const childrenOf = (one: Endpoint) => all.filter(child => child.parent === one.name);
    const families = here.filter(one => childrenOf(one).length);
    const alone = here.filter(one => !families.includes(one));
    return html`<ul class="branch">
      ${repeat(
        [...alone, ...families],
        one => one.name,
        one => {
          const children = childrenOf(one);
          return html`<li class=${children.length ? 'family' : ''}>
            ${this.card(one, running)} ${children.length ? this.branch(children, all, running) : nothing}
          </li>`;
        },
      )}
    </ul>`;
  }

  private card(one: Endpoint, running: Running): TemplateResult {
    const state = stateOf(one);
    const { mark, tone } = lookOf(state);
    const trip = one.roundTrip === null ? '' : `${one.roundTrip < 1 ? '<1' : Math.round(one.roundTrip)} ms`;
    return html`<div class="wire ${state}" aria-hidden="true">
        <span class="small soft">${state === 'present' ? trip : ''}</span>
      </div>
      <article class="card endpoint ${state}">
        <div class="row">
          <span class=${tone} aria-hidden="true">${mark}</span>
          <button
            class="name"
            title=${one.name}
            @click=${() => this.open({ view: 'endpoint', endpoint: one.name })}
          >
            ${one.name}
          </button>
          <span class="small ${state === 'present' ? 'soft' : tone}"
            >${state === 'present' ? one.role || state : state}${
              one.state === 'gone'
                ? html` <orbit-ago .channel=${this.channel} .since=${one.since}></orbit-ago>`
                : nothing
            }</span
          >
        </div>
        <p class="soft small cut" title=${factsOf(one)}>${factsOf(one) || ' '}</p>
        <p class="small cut">${this.work(one, running)}</p>
        ${trip && state === 'present' ? html`<span class="only-read">round trip ${trip}</span>` : nothing}
      </article>`;
  }

  private work(one: Endpoint, running: Running): TemplateResult | string {
    if (one.state === 'gone') {
      return 'it comes back by itself when it runs';
    }
    if (one.state === 'suspect') {
      return 'it does not answer; calls wait';
    }
    const psij = endpointsOf(this.channel).plugin(one.name, 'psij');
    const count = running.counts.get(one.name);
    const broken = [...one.plugins.values()].filter(info => info.enabled === false).length;
    const jobs =
      psij && count
        ? html`<button class="link" @click=${() => this.open({ view: 'jobs', endpoint: one.name, plugin: psij })}>
            ${
              count.active || count.waiting
                ? html`${count.active.toLocaleString()}
                  running${count.waiting ? `, ${count.waiting.toLocaleString()} waiting` : ''}`
                : 'no jobs'
            }
          </button>`
        : plural(one.plugins.size - broken, 'plugin');
    return html`${jobs}${broken ? html` · <span class="warn">${plural(broken, 'plugin')} not loaded</span>` : nothing}`;
  }

  private now(running: Running): TemplateResult | typeof nothing {
    if (!running.counts.size) {
      return nothing;
    }
    const more = running.total - running.jobs.length;
    return html`<section class="card">
      <header>
        <h2>Now</h2>
        <span class="soft">${running.total ? `${plural(running.total, 'job')} not ended` : ''}</span>
      </header>
      ${
        running.jobs.length
          ? html`<table>
              <thead>
                <tr>
                  <th>State</th>
                  <th>Job</th>
                  <th class="wide">Command</th>
                  <th>Endpoint</th>
                  <th class="wide">Queue</th>
                  <th class="number">In state</th>
                </tr>
              </thead>
              <tbody>
                ${repeat(
                  running.jobs,
                  ({ endpoint, plugin, job }) => `${endpoint}/${plugin}/${job.job_id}`,
                  one => this.job(one),
                )}
              </tbody>
            </table>`
          : html`<p class="notice soft">Nothing runs or waits. Open an endpoint’s jobs to submit one.</p>`
      }
      ${
        more > 0
          ? html`<footer class="soft">${more.toLocaleString()} more; each endpoint’s jobs have them all.</footer>`
          : nothing
      }
    </section>`;
  }

  private job({ endpoint, plugin, job }: RunningJob): TemplateResult {
    const command = [job.executable, ...job.arguments].join(' ');
    return html`<tr>
      <td>${stateTemplate(job.state)}</td>
      <td>
        <button
          class="link mono"
          title=${job.job_id}
          @click=${() => this.open({ view: 'job', endpoint, plugin, job: job.job_id })}
        >
          ${job.native_id || job.job_id.slice(0, 8)}
        </button>
      </td>
      <td class="wide"><span class="mono cut" title=${command}>${job.name || command}</span></td>
      <td><span class="cut" title=${endpoint}>${endpoint}</span></td>
      <td class="wide soft">${job.queue_name ?? ''}</td>
      <td class="number"><orbit-ago .channel=${this.channel} .since=${job.time * 1000}></orbit-ago></td>
    </tr>`;
  }

  /** What to do where there is no endpoint yet. */
  private first(): TemplateResult {
    if (this.channel.connection.value.kind !== 'connected') {
      return html`<p class="notice soft">Endpoints are shown here as soon as the bridge answers.</p>`;
    }
    const url = this.channel.bridge.value?.url || new URL('.', document.baseURI).href;
    const start = `orbit-endpoint --name hpc1 --url ${url}`;
    return html`<section class="card">
      <header><h2>Connect the first endpoint</h2></header>
      <div class="body first">
        <p>
          An endpoint is a program on a cluster, or on any other machine, that dials in here. It opens no port.
        </p>
        <p>
          <button class="primary" @click=${() => this.open({ view: 'join' })}>Join a cluster…</button>
          <span class="soft">brings it there over SSH and starts it.</span>
        </p>
        <p>Or do it by hand:</p>
        <ol>
          <li>
            Make a token where this bridge runs:
            <pre>jupyter orbit token create hpc1</pre>
          </li>
          <li>
            On the cluster, have it in <code>RADICAL_ORBIT_ENDPOINT_TOKEN</code> and start the endpoint:
            <pre>${start}</pre>
            <button @click=${() => this.copy(start, 'The command was copied.')}>Copy</button>
          </li>
          <li>It appears here by itself, with its plugins.</li>
        </ol>
      </div>
    </section>`;
  }
}

function stateOf(one: Endpoint): 'present' | 'suspect' | 'lost' {
  return one.state === 'gone' ? 'lost' : one.state;
}

function factsOf(one: Endpoint): string {
  const who = one.user && one.hostname ? `${one.user}@${one.hostname.split('.')[0]}` : one.hostname;
  const scheduler = one.scheduler === 'none' ? '' : one.scheduler;
  return [scheduler, one.jobId ? `job ${one.jobId}` : '', who].filter(Boolean).join(' · ');
}

function byName(one: Endpoint, other: Endpoint): number {
  return one.name.localeCompare(other.name, undefined, { numeric: true });
}
