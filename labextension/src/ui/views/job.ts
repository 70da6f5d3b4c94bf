/** One job: what it is, how it has got on, what it writes, and what can be done with it. */

import { html, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { asOrbitError, type OrbitError } from '../channel/errors.js';
import { newKey } from '../channel/key.js';
import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import { questionLook, questionTemplate, type Question } from '../parts/confirm.js';
import { bytes, plural, time } from '../text/format.js';
import {
  commandOf,
  exitOf,
  factsOf,
  pythonOfJob,
  shortId,
  titleOfJob,
  usedOf,
  type Fact,
} from '../parts/job/facts.js';
import { jobLook } from '../parts/job/look.js';
import { formValuesOf, notInForm, pythonOfSubmit, specFacts, withoutEnvironment } from '../parts/job/spec.js';
import { away, empty, failed, loading } from '../parts/notice.js';
import '../parts/job/output.js';
import { stateTemplate } from '../parts/states.js';
import { ended } from '../state/ended.js';
import { timelineLook, timelineTemplate } from '../parts/job/timeline.js';
import { endpointsOf } from '../state/endpoints.js';
import { followedJob, STREAMS, type FollowedJob, type Stream } from '../state/job.js';
import { jobsOf } from '../state/jobs.js';
import { pluginOn } from '../state/plugin.js';
import { prefill } from '../state/prefill.js';
import { asShown } from '../state/tail.js';
import type { Unwatch } from '../value.js';
import { base, buttons, theme } from '../theme.js';
import type { PsijJobSpecification, PsijJobStatus, PsijJobSummary, PsijSubmitted } from '../wire/types.js';

const ASKED = 'Its end was asked for; the state says when it has come.';

type Shown = TemplateResult | typeof nothing;

@define('orbit-job')
export class JobView extends OrbitElement {
  static override styles = [theme, base, buttons, questionLook, timelineLook, jobLook];

  @property() endpoint = '';
  @property() plugin = '';
  @property() job = '';
  /** Below a table of jobs, which has its own frame. */
  @property({ type: Boolean, reflect: true }) compact = false;

  /** What the reader has chosen; until then it is the one that says something. */
  @state() private chosen: Stream | '' = '';
  @state() private follows = true;
  @state() private question: Question | null = null;
  @state() private error: OrbitError | null = null;
  /** What is under way, or was done, in words. */
  @state() private doing = '';
  private followed!: FollowedJob;

  protected override sources(): unknown[] {
    return [this.channel, this.endpoint, this.plugin, this.job];
  }

  protected override start(): Unwatch[] {
    this.followed = followedJob(this.channel, this.endpoint, this.plugin, this.job);
    [this.chosen, this.question, this.error, this.doing] = ['', null, null, ''];
    const clock = setInterval(() => this.followed.ended || this.requestUpdate(), 1000); // the bar grows
    return [
      this.followed.state.watch(() => this.requestUpdate()),
      this.followed.use(),
      () => clearInterval(clock),
      endpointsOf(this.channel).all.watch(() => this.requestUpdate()),
    ];
  }

  override render(): TemplateResult {
    const { status, error } = this.followed.state.value;
    const again = () => void this.followed.reload();
    const doing = this.doing === ASKED && this.followed.ended ? '' : this.doing;
    const listed = jobsOf(this.channel, this.endpoint, this.plugin).state.value.jobs.get(this.job);
    const job: (PsijJobSummary & Partial<PsijJobStatus>) | undefined = status ?? listed;
    if (!job) {
      return this.framed(error ? this.unread(error, again) : loading('Reading the job'));
    }
    return this.framed(html`
      ${this.head(job)} ${this.compact ? nothing : away(endpointsOf(this.channel).all.value.get(this.endpoint))}
      ${this.question ? questionTemplate(this.question, () => (this.question = null)) : nothing}
      ${this.error ? failed(this.error) : nothing} ${error ? this.unread(error, again) : nothing}
      ${doing ? html`<p class="notice soft" role="status">${doing}</p>` : nothing}
      <div class="body">
        ${job.message ? html`<p class=${job.state === 'FAILED' ? 'bad' : 'soft'}>${job.message}</p>` : nothing}
        ${status ? timelineTemplate(status) : nothing}
        ${
          this.compact
            ? html`<details>
                <summary>Details</summary>
                ${this.facts(job)}
              </details>`
            : this.facts(job)
        }
      </div>
      ${status ? this.output(status) : nothing}
    `);
  }

  private framed(inside: TemplateResult): TemplateResult {
    return this.compact ? inside : html`<section class="card" aria-label="Job">${inside}</section>`;
  }

  private unread(error: OrbitError, again: () => void): TemplateResult {
    if (error.code !== 'resource-not-found') {
      return failed(error, again);
    }
    const jobs = html`<button class="link" @click=${this.openJobs}>All jobs</button>`;
    const why = 'It may be another endpoint’s, or so old that it was forgotten.';
    return empty(`${this.endpoint} knows no job ${this.job}. ${why}`, jobs);
  }

  private head(job: PsijJobSummary): TemplateResult {
    const { spec } = this.followed.state.value;
    const page = { view: 'job', endpoint: this.endpoint, plugin: this.plugin, job: this.job } as const;
    return html`<header>
      <h2 class="grow cut" title=${commandOf(job)}><code>${shortId(job)}</code> ${titleOfJob(job)}</h2>
      ${stateTemplate(job.state, exitOf(job))}
      <span class="row wrap">
        ${ended(job.state) ? nothing : html`<button class="danger" @click=${() => this.askCancel(job)}>Cancel …</button>`}
        ${spec && !job.endpoint_name ? html`<button @click=${() => this.askAgain(job, spec)}>Submit again …</button>` : nothing}
        <button @click=${() => this.offerCode(pythonOfJob(this.endpoint, this.plugin, this.job))}>
          Copy as code
        </button>
        ${
          this.compact
            ? html`<button @click=${() => this.open(page)}>Open</button>`
            : html`<button @click=${this.openJobs}>All jobs</button>`
        }
        ${
          job.endpoint_name
            ? html`<button @click=${() => this.open({ view: 'endpoint', endpoint: job.endpoint_name! })}>
                Endpoint ${job.endpoint_name}
              </button>`
            : nothing
        }
      </span>
    </header>`;
  }

  private facts(job: PsijJobSummary & Partial<PsijJobStatus>): TemplateResult {
    const { spec } = this.followed.state.value;
    const used = usedOf(job);
    return html`${list([...factsOf(this.endpoint, job), ...(spec ? specFacts(spec) : [])])}
    ${
      used.length
        ? html`<h3>Resources used</h3>
            ${list(used)}`
        : nothing
    }`;
  }

  private output(status: PsijJobStatus): TemplateResult {
    const { stdout, stderr } = this.followed.output;
    const { missed, version } = this.followed.state.value;
    const stream = this.chosen || (stdout.length === 0 && stderr.length > 0 ? 'stderr' : 'stdout');
    const tail = this.followed.output[stream];
    const live = !ended(status.state);
    const note = missed
      ? `${missed.number === null ? 'some events' : plural(missed.number, 'event')} missed at ${time(missed.time)}, state re-read`
      : '';
    return html`<div class="streams">
        <div role="tablist" aria-label="Output" @keydown=${this.switched}>
          ${STREAMS.map(one => this.tab(one, one === stream, live))}
        </div>
        <span class="grow soft small" role="status">${note}</span>
        ${
          tail.length
            ? html`<span>
                <button class="plain" @click=${() => this.copyOutput(stream)}>Copy</button>
                <button class="plain" @click=${() => void this.download(stream, status)}>Download</button>
              </span>`
            : nothing
        }
      </div>
      <orbit-output
        role="tabpanel"
        .tail=${tail}
        .version=${version}
        .label=${`${stream} of the job`}
        .live=${live}
        .empty=${live ? `The job has not written to ${stream} yet.` : `The job wrote nothing to ${stream}.`}
        @orbit-follows=${(event: CustomEvent<boolean>) => (this.follows = event.detail)}
      ></orbit-output>`;
  }

  private tab(stream: Stream, chosen: boolean, live: boolean): TemplateResult {
    const { length, left } = this.followed.output[stream];
    const size = length ? bytes(length + left) : 'empty';
    const word = live && chosen ? (this.follows ? 'following' : 'stopped') : size;
    return html`<button
      role="tab"
      class="plain"
      aria-selected=${chosen}
      tabindex=${chosen ? 0 : -1}
      @click=${() => this.choose(stream)}
    >
      ${stream} <span class="soft">· ${word}</span>
    </button>`;
  }

  private choose(stream: Stream): void {
    this.chosen = stream;
    this.follows = true;
  }

  private switched = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
      this.choose(event.key === 'ArrowLeft' ? 'stdout' : 'stderr');
      void this.updateComplete.then(() =>
        this.renderRoot.querySelector<HTMLElement>('[role=tab][aria-selected=true]')?.focus(),
      );
    }
  };

  private askCancel(job: PsijJobSummary): void {
    this.question = {
      text: `Ask for the end of ${titleOfJob(job)}? It can’t be taken back.`,
      yes: 'Cancel the job',
      no: 'Keep it',
      danger: true,
      done: () => void this.cancel(),
    };
  }

  /** Say how something has got on; what belongs to a job that is no longer shown is told only where it failed. */
  private say(of: FollowedJob, doing: string, error: OrbitError | null = null): void {
    if (of === this.followed) {
      [this.doing, this.error] = [doing, error];
    } else if (error) {
      this.toast(error.message, 'error');
    }
  }

  private async cancel(): Promise<void> {
    const { followed } = this;
    this.say(followed, 'Asking for its end …');
    try {
      await pluginOn(this.channel, this.endpoint, this.plugin).post(
        `cancel/{sid}/${encodeURIComponent(this.job)}`,
        undefined,
        { key: newKey() },
      );
      this.say(followed, ASKED);
    } catch (error) {
      this.say(followed, '', asOrbitError(error));
    }
    await followed.reload();
  }

  private askAgain(job: PsijJobSummary, spec: PsijJobSpecification): void {
    const where = [job.executor, job.queue_name].filter(Boolean).join(' · ');
    const lacking = notInForm(spec);
    this.question = {
      text: html`Submit <code>${commandOf(job)}</code> to ${where} once more? ${withoutEnvironment(spec)} To change
        it first, take it <button class="link" @click=${() => this.fillForm(spec)}>into the form</button>${
          lacking ? ` (which has no ${lacking})` : ''
        }
        or <button class="link" @click=${() => this.offerSubmit(spec)}>as code</button>.`,
      yes: 'Submit again',
      done: () => void this.submitAgain(spec),
    };
  }

  private offerSubmit(spec: PsijJobSpecification): void {
    this.question = null;
    this.offerCode(pythonOfSubmit(this.endpoint, this.plugin, spec));
  }

  private fillForm(spec: PsijJobSpecification): void {
    this.question = null;
    const values = formValuesOf(spec);
    if (this.compact) {
      this.dispatchEvent(new CustomEvent('orbit-fill', { detail: values }));
    } else {
      prefill(this.channel, this.endpoint, values);
      this.openJobs();
    }
  }

  private async submitAgain({ job_spec, executor }: PsijJobSpecification): Promise<void> {
    const { followed } = this;
    this.say(followed, 'Submitting …');
    try {
      const answer = await pluginOn(this.channel, this.endpoint, this.plugin).post<PsijSubmitted>(
        'submit/{sid}',
        { job_spec, executor },
        { key: newKey() },
      );
      this.say(followed, `Submitted as ${answer.native_id || answer.job_id}.`);
      if (followed !== this.followed) {
        return; // whoever has gone on to another job stays there
      }
      const event = new CustomEvent('orbit-submitted', { detail: { form: '', answer }, cancelable: true });
      if (this.dispatchEvent(event)) {
        this.open({ view: 'job', endpoint: this.endpoint, plugin: this.plugin, job: answer.job_id });
      }
    } catch (error) {
      this.say(followed, '', asOrbitError(error));
    }
  }

  private copyOutput(stream: Stream): void {
    const text = asShown(this.followed.output[stream].text);
    this.copy(text, `${stream} was copied.`, 'It can’t be copied here: download it instead.');
  }

  private async download(stream: Stream, job: PsijJobStatus): Promise<void> {
    const { followed } = this;
    try {
      const blob = await followed.whole(stream, size => this.say(followed, `Downloading … ${bytes(size)}`));
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = `${shortId(job).replace(/[^\w.-]/g, '_')}.${stream === 'stdout' ? 'out' : 'err'}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      this.say(followed, '');
    } catch (error) {
      this.say(followed, '', asOrbitError(error));
    }
  }

  private openJobs = (): void => {
    this.open({ view: 'jobs', endpoint: this.endpoint, plugin: this.plugin });
  };
}

function list(all: Fact[]): Shown {
  return html`<dl>
    ${all.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-job': JobView;
  }
}
