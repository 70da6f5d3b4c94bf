/** Launching an endpoint as a job of another: what, then its token, its job, its log, until it is connected. */

import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';

import { asOrbitError, type OrbitError } from '../channel/errors.js';
import { newKey } from '../channel/key.js';
import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import { questionLook, questionTemplate } from '../parts/confirm.js';
import { time } from '../text/format.js';
import '../parts/join/launch-form.js';
import { empty, failed, loading } from '../parts/notice.js';
import '../parts/job/output.js';
import { stateTemplate } from '../parts/states.js';
import { ended } from '../state/ended.js';
import { stepsLook, stepsTemplate, type StepLine } from '../parts/join/steps.js';
import { endpointsOf } from '../state/endpoints.js';
import { followedJob, type FollowedJob } from '../state/job.js';
import { jobsOf } from '../state/jobs.js';
import { cancelLaunch, launch, launchesIn, type Attempt, type Launch } from '../state/launches.js';
import { pluginOn } from '../state/plugin.js';
import type { Unwatch } from '../value.js';
import { base, buttons, inputs, tables, theme } from '../theme.js';
import type { PsijJobStatus, PsijTunnelStatus } from '../wire/types.js';

/** Milliseconds between two looks at the tunnel of an endpoint that isn't there yet. */
const LOOK = 3000;
/** Launches that are listed. */
const LISTED = 8;

/** What to do about an endpoint that didn't come. */
const UNREACHED =
  'If it couldn’t reach the bridge, try another way to it; if a program or a module is missing, the page on tunnels ' +
  'says what prepares the job.';

@define('orbit-launch')
export class LaunchView extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    inputs,
    tables,
    stepsLook,
    questionLook,
    css`
      :host {
        display: grid;
        gap: 16px;
        align-content: start;
        max-width: 860px;
      }
      header label {
        margin: 0;
      }
      header select {
        width: auto;
      }
      footer .grow {
        flex-basis: 180px;
      }
      td:nth-child(2) {
        white-space: nowrap;
      }
      td:last-child {
        width: 60%;
      }
    `,
  ];

  @property() endpoint = '';
  @property() plugin = '';
  /** Where it is launched from, where the address doesn't say it. */
  @state() private chosen = '';
  /** The job that is shown; null: the form. Undefined: whichever is under way, once the jobs are read. */
  @state() private job: string | null | undefined = undefined;
  @state() private busy = false;
  @state() private error: OrbitError | null = null;
  @state() private trouble: OrbitError | null = null;
  @state() private asks = false;
  @state() private tunnel: PsijTunnelStatus | null = null;
  private followed: FollowedJob | null = null;
  private unfollow: Unwatch[] = [];
  /** A try that may have been done, and the key that makes the next one the same. */
  private sent: (Attempt & { wanted: string }) | null = null;

  protected override sources(): unknown[] {
    const { endpoint, plugin } = this.place() ?? {};
    return [this.channel, endpoint, plugin];
  }

  protected override start(): Unwatch[] {
    const redraw = () => this.requestUpdate();
    const endings = [endpointsOf(this.channel).all.watch(redraw)];
    const place = this.place();
    this.job = undefined;
    if (place) {
      const jobs = jobsOf(this.channel, place.endpoint, place.plugin);
      endings.push(jobs.use(), jobs.state.watch(redraw));
    }
    const timer = setInterval(() => void this.look(), LOOK);
    endings.push(
      () => clearInterval(timer),
      () => this.follow(null),
    );
    return endings;
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    const place = this.channel && this.place();
    if (!place) {
      return;
    }
    if (this.job === undefined && jobsOf(this.channel, place.endpoint, place.plugin).state.value.read) {
      this.job = this.underWay()?.job_id ?? null;
    }
    const wanted = this.job ? followedJob(this.channel, place.endpoint, place.plugin, this.job) : null;
    if (wanted !== this.followed) {
      this.follow(wanted);
    }
  }

  override render(): TemplateResult {
    const all = endpointsOf(this.channel).withPlugin('psij');
    const place = this.place();
    if (!place) {
      return html`<section class="card">
        ${
          this.endpoint
            ? empty(`${this.endpoint} isn’t connected, or has no psij to submit jobs with.`)
            : empty('No connected endpoint has psij, which submits the job that an endpoint is.')
        }
      </section>`;
    }
    const jobs = jobsOf(this.channel, place.endpoint, place.plugin).state.value;
    const pick = (event: Event) => (this.chosen = (event.target as HTMLSelectElement).value);
    return html`
      ${this.followed ? this.progress(this.followed) : nothing}
      <section class="card" ?hidden=${this.followed !== null}>
        <header>
          <h2 class="grow">Launch an endpoint</h2>
          ${
            all.length > 1
              ? html`<label for="from">from</label>
                  <select id="from" @change=${pick}>
                    ${all.map(
                      one =>
                        html`<option value=${one.endpoint} .selected=${one.endpoint === place.endpoint}>
                          ${one.endpoint}
                        </option>`,
                    )}
                  </select>`
              : html`<span class="soft">from ${place.endpoint}</span>`
          }
        </header>
        <div class="body">
          <orbit-launch-form
            .channel=${this.channel}
            .endpoint=${place.endpoint}
            .plugin=${place.plugin}
            .taken=${this.taken()}
            .error=${this.error}
            .busy=${this.busy}
            @orbit-launch=${(event: CustomEvent<Launch>) => void this.begin(event.detail)}
          ></orbit-launch-form>
        </div>
      </section>
      ${jobs.read ? this.list() : jobs.error ? failed(jobs.error) : loading('Reading the jobs')}
    `;
  }

  private place(): { endpoint: string; plugin: string } | undefined {
    const all = endpointsOf(this.channel).withPlugin('psij');
    const wanted = this.chosen || this.endpoint;
    return wanted ? all.find(one => one.endpoint === wanted) : all[0];
  }

  private launches() {
    const { endpoint, plugin } = this.place()!;
    return launchesIn(jobsOf(this.channel, endpoint, plugin).state.value.jobs.values());
  }

  /** A launch whose endpoint isn't there yet: what a page that was loaded anew goes on with. */
  private underWay() {
    const here = this.channel.topology.value;
    return this.launches().find(job => !ended(job.state) && !here.has(job.endpoint_name!));
  }

  private taken(): string[] {
    const live = this.launches().filter(job => !ended(job.state));
    return [...this.channel.topology.value.keys(), ...live.map(job => job.endpoint_name!)];
  }

  // -- one launch

  private progress(followed: FollowedJob): TemplateResult {
    const { status, error, version } = followed.state.value;
    if (!status) {
      return html`<section class="card">
        ${error ? failed(error, () => void followed.reload()) : loading('Reading the job')}
      </section>`;
    }
    const name = status.endpoint_name ?? '';
    const here = endpointsOf(this.channel).all.value.get(name);
    const connected = here !== undefined && here.state !== 'gone';
    const over = ended(status.state);
    const began = status.state === 'ACTIVE';
    return html`<section class="card" aria-label="Launch of ${name}">
      <header>
        <h2 class="grow cut">${over || connected ? 'Launch of' : 'Launching'} ${name}</h2>
        ${stateTemplate(status.state)}
      </header>
      ${this.asks ? questionTemplate(this.ending(status), () => (this.asks = false)) : nothing}
      ${stepsTemplate(stepsOf(status, connected, this.tunnel), `Steps of the launch of ${name}`)}
      ${this.trouble ? failed(this.trouble) : nothing}
      ${over && !connected ? this.whyNot(status, here !== undefined) : nothing}
      <orbit-output
        .tail=${followed.output.stderr}
        .version=${version}
        .label=${`Log of ${name}`}
        .empty=${over ? 'It has written nothing.' : began ? 'It has written nothing yet.' : 'Its log appears here once it runs.'}
        .live=${!over}
      ></orbit-output>
      <footer>
        ${
          connected
            ? html`<strong class="good grow">✓ ${name} is connected</strong>
                <button class="primary" @click=${() => this.open({ view: 'endpoint', endpoint: name })}>
                  Open ${name}
                </button>`
            : nothing
        }
        ${
          over
            ? nothing
            : html`<button class="danger" ?disabled=${this.busy} @click=${() => (this.asks = true)}>
                ${connected ? 'End it …' : 'Cancel …'}
              </button>`
        }
        <button @click=${() => this.openJob(status)}>Its job</button>
        <button @click=${() => (this.job = null)}>Launch another …</button>
      </footer>
    </section>`;
  }

  private ending(status: PsijJobStatus) {
    const what = status.state === 'ACTIVE' ? 'It ends its endpoint' : 'It hasn’t begun';
    return {
      text: `Cancel the job of ${status.endpoint_name}? ${what}, and its token is revoked.`,
      yes: 'Cancel the job',
      no: 'Keep it',
      danger: true,
      done: () => void this.cancel(status),
    };
  }

  private whyNot(status: PsijJobStatus, came: boolean): TemplateResult {
    if (status.state === 'CANCELED') {
      return html`<div class="notice soft">⊘ Its job was cancelled. ${status.error ?? status.message ?? ''}</div>`;
    }
    if (status.state === 'COMPLETED') {
      return html`<div class="notice soft">The endpoint has ended with its job.</div>`;
    }
    return html`<div class="notice" role="alert">
      <strong class="bad">✕ ${status.endpoint_name} ${came ? 'has ended' : 'didn’t come'}.</strong>
      Its job is ${status.state}${status.exit_code ? ` (exit code ${status.exit_code})` : ''}.
      ${status.error ?? status.message ?? ''} What it has written stands below. ${came ? nothing : UNREACHED}
    </div>`;
  }

  private list(): TemplateResult | typeof nothing {
    const launches = this.launches().slice(0, LISTED);
    if (!launches.length) {
      return nothing;
    }
    return html`<section class="card">
      <header><h2>Launched from ${this.place()?.endpoint}</h2></header>
      <table>
        <tbody>
          ${repeat(
            launches,
            job => job.job_id,
            job =>
              html`<tr aria-selected=${job.job_id === this.job}>
                <td>
                  <button class="link" @click=${() => (this.job = job.job_id)}>${job.endpoint_name}</button>
                </td>
                <td>${stateTemplate(job.state)}</td>
                <td class="soft">${[time(job.submit_time * 1000), job.message].filter(Boolean).join(' · ')}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </section>`;
  }

  private async begin(wanted: Launch): Promise<void> {
    const { endpoint, plugin } = this.place()!;
    const said = JSON.stringify([endpoint, wanted]);
    this.sent = this.sent?.wanted === said ? this.sent : { wanted: said, key: newKey() };
    this.busy = true;
    this.error = this.trouble = null;
    try {
      const launched = await launch(this.channel, endpoint, plugin, wanted, this.sent);
      this.sent = null;
      const now = this.place();
      if (now?.endpoint === endpoint && now.plugin === plugin) {
        this.job = launched.job_id;
      }
      void jobsOf(this.channel, endpoint, plugin).reload();
    } catch (error) {
      this.error = asOrbitError(error);
      this.sent = this.error.transient ? this.sent : null;
    }
    this.busy = false;
  }

  private async cancel(status: PsijJobStatus): Promise<void> {
    const { endpoint, plugin } = this.place()!;
    this.busy = true;
    this.trouble = null;
    try {
      await cancelLaunch(this.channel, endpoint, plugin, status);
    } catch (error) {
      this.trouble = asOrbitError(error);
    }
    this.busy = false;
  }

  private openJob(status: PsijJobStatus): void {
    this.open({ view: 'job', ...this.place()!, job: status.job_id });
  }

  private follow(job: FollowedJob | null): void {
    this.unfollow.splice(0).forEach(end => end());
    this.followed = job;
    this.tunnel = null;
    this.asks = false;
    if (job) {
      this.unfollow = [job.use(), job.state.watch(() => this.requestUpdate())];
    }
  }

  private async look(): Promise<void> {
    const { followed } = this;
    const status = followed?.state.value.status;
    const name = status?.endpoint_name;
    if (!name || status.state !== 'ACTIVE' || this.channel.topology.value.has(name) || document.hidden) {
      return;
    }
    const { endpoint, plugin } = this.place() ?? {};
    if (endpoint && plugin) {
      const route = `tunnel_status/${encodeURIComponent(name)}`;
      const asked = pluginOn(this.channel, endpoint, plugin).get<PsijTunnelStatus>(route);
      const tunnel = await asked.catch(() => null);
      this.tunnel = followed === this.followed ? tunnel : this.tunnel; // it may be another launch's
    }
  }
}

/** What has been done, what is under way, and what comes. */
function stepsOf(status: PsijJobStatus, connected: boolean, tunnel: PsijTunnelStatus | null): StepLine[] {
  const { state, message } = status;
  const over = ended(state);
  const began = state === 'ACTIVE' || status.states.some(one => one.state === 'ACTIVE');
  const why = message && !over ? `: ${message}` : '';
  const job = `Job ${status.native_id ?? status.job_id}`;
  const waits =
    tunnel?.status === 'pending' ? `, which waits for its tunnel${tunnel.error ? `: ${tunnel.error}` : ''}` : '';
  return [
    { state: 'done', text: `A token for ${status.endpoint_name} was made` },
    { state: 'done', text: `${job} was submitted to ${status.queue_name ?? status.executor}` },
    began
      ? { state: 'done', text: 'The job has begun' }
      : over
        ? { state: 'failed', text: 'The job has ended before it began' }
        : { state: 'running', text: `The job waits in the queue${why}` },
    connected
      ? { state: 'done', text: `${status.endpoint_name} is connected` }
      : over
        ? { state: state === 'COMPLETED' ? 'done' : 'failed', text: `The job has ended: ${state}` }
        : { state: began ? 'running' : 'waiting', text: `${status.endpoint_name} connects to the bridge${waits}` },
  ];
}
