/** Joining a cluster: which one, how it goes on, what ssh asks, and those that were joined. */

import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';

import { asOrbitError, type OrbitError } from '../channel/errors.js';
import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import { questionLook, questionTemplate } from '../parts/confirm.js';
import type { JoinForm } from '../parts/join/join-form.js';
import '../parts/join/join-form.js';
import { empty, failed, loading } from '../parts/notice.js';
import type { SshQuestion } from '../parts/join/ssh-question.js';
import '../parts/join/ssh-question.js';
import { stateTemplate } from '../parts/states.js';
import { stepsLook, stepsTemplate } from '../parts/join/steps.js';
import { endpointsOf } from '../state/endpoints.js';
import { joinsOf, type Joins, type Wish } from '../state/joins.js';
import type { Unwatch } from '../value.js';
import { base, buttons, tables, theme } from '../theme.js';
import type { JoinCluster, JoinJoining } from '../wire/types.js';

const OVER = new Set(['done', 'failed', 'cancelled']);

@define('orbit-join')
export class JoinView extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
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
      .command {
        display: flex;
        gap: 8px;
        align-items: baseline;
        margin-top: 8px;
      }
      td.acts {
        text-align: right;
        white-space: nowrap;
      }
      .message {
        white-space: pre-wrap;
        max-height: 30em;
        overflow: auto;
      }
    `,
  ];

  /** Where the plugin is; empty: wherever there is one. */
  @property() endpoint = '';
  @property() plugin = '';
  @state() private hosts: readonly string[] = [];
  @state() private busy = false;
  @state() private error: OrbitError | null = null;
  /** What went wrong with what is no form. */
  @state() private trouble: OrbitError | null = null;
  @state() private leaving: JoinCluster | null = null;
  @state() private asked = false;
  @state() private dismissed = new Set<string>();
  @query('orbit-join-form') private form!: JoinForm | null;
  @query('orbit-ssh-question') private questionElement!: SshQuestion | null;
  private joins: Joins | null = null;
  private last: Wish | null = null;
  /** Whether a leave removes the installation and the state, too. */
  private removes = false;

  protected override willUpdate(changed: PropertyValues): void {
    const found = this.channel && this.place();
    this.joins = found ? joinsOf(this.channel, found.endpoint, found.plugin) : null;
    super.willUpdate(changed);
  }

  protected override sources(): unknown[] {
    return [this.channel, this.joins];
  }

  protected override start(): Unwatch[] {
    const redraw = () => this.requestUpdate();
    const endings = [endpointsOf(this.channel).all.watch(redraw)];
    if (this.joins) {
      endings.push(this.joins.use(), this.joins.state.watch(redraw));
      this.joins.hosts().then(
        hosts => (this.hosts = hosts),
        () => undefined, // without them a host is typed
      );
    } else {
      // The endpoint on the bridge's machine may wait for the first call of anybody.
      this.channel
        .call({ endpoint: '', method: 'GET', path: '/endpoints' })
        .catch(() => undefined)
        .finally(() => (this.asked = true));
    }
    return endings;
  }

  override render(): TemplateResult {
    if (!this.joins) {
      return html`<section class="card">
        <header><h2>Join a cluster</h2></header>
        ${this.asked ? elsewhere(text => this.copy(text, 'The command was copied.')) : loading('Looking for the endpoint of this machine')}
      </section>`;
    }
    const { joins, joined, read, error } = this.joins.state.value;
    const shown = this.toShow(joins);
    const running = shown.some(one => one.what === 'join' && !OVER.has(one.state));
    return html`
      ${error && !read ? html`<section class="card">${failed(error, () => void this.joins?.reload())}</section>` : nothing}
      ${repeat(
        shown,
        one => one.join_id,
        one => this.card(one),
      )}
      <section class="card" ?hidden=${running}>
        <header><h2>Join a cluster</h2></header>
        <div class="body">
          <orbit-join-form
            .hosts=${this.hosts}
            .error=${this.error}
            .busy=${this.busy}
            @orbit-wish=${(event: CustomEvent<Wish>) => void this.begin(event.detail)}
          ></orbit-join-form>
        </div>
      </section>
      <section class="card">
        <header><h2>Joined clusters</h2></header>
        ${this.trouble ? failed(this.trouble) : nothing} ${read ? this.list(joined) : error ? nothing : loading()}
      </section>
    `;
  }

  private place(): { endpoint: string; plugin: string } | undefined {
    const all = endpointsOf(this.channel).withPlugin('join');
    return this.endpoint ? all.find(one => one.endpoint === this.endpoint) : all[0];
  }

  /** What is under way, and what has ended last. */
  private toShow(joins: readonly JoinJoining[]): JoinJoining[] {
    const last = joins.at(-1);
    return joins
      .filter(one => !OVER.has(one.state) || (one === last && one.mine && !this.dismissed.has(one.join_id)))
      .reverse();
  }

  private card(one: JoinJoining): TemplateResult {
    const verb = one.what === 'join' ? 'Joining' : 'Leaving';
    const title =
      one.what === 'join' ? `${verb} ${one.target} as ${one.name}` : `${verb} ${one.name} (${one.target})`;
    return html`<section class="card" aria-label=${title}>
      <header>
        <h2 class="grow cut">${title}</h2>
        ${OVER.has(one.state) ? nothing : html`<span class="soft">${words(one)}</span>`}
      </header>
      ${stepsTemplate(
        one.steps
          .filter(step => step.step !== 'done')
          .map(({ state, detail, lines }) => ({ state, text: detail, lines })),
        `Steps of ${title}`,
      )}
      ${this.question(one)} ${this.outcome(one)}
    </section>`;
  }

  private question(one: JoinJoining): TemplateResult | typeof nothing {
    if (!one.question) {
      return nothing;
    }
    return one.mine
      ? html`<orbit-ssh-question
          .channel=${this.channel}
          .question=${one.question}
          @orbit-reply=${(event: CustomEvent<string>) => void this.reply(one, event.detail)}
        ></orbit-ssh-question>`
      : html`<div class="notice warn" role="status">
          ◐ Another window has begun this, and is asked: ${one.question.prompt} Answer it there, or cancel.
        </div>`;
  }

  private outcome(one: JoinJoining): TemplateResult {
    const close = () => (this.dismissed = new Set([...this.dismissed, one.join_id]));
    if (!OVER.has(one.state)) {
      return html`<footer>
        <button ?disabled=${one.state === 'cancelling'} @click=${() => void this.cancel(one)}>Cancel</button>
        ${one.state === 'cancelling' ? html`<span class="soft">It ends at its next step.</span>` : nothing}
      </footer>`;
    }
    if (one.state === 'done') {
      const here = endpointsOf(this.channel).all.value.get(one.name)?.state === 'present';
      const said = here ? `${one.name} is connected` : `${one.name} has joined, and will show in a moment`;
      return html`<footer>
        <strong class="good grow">✓ ${one.what === 'join' ? said : `${one.name} has left`}</strong>
        ${
          one.what === 'join'
            ? html`<button class="primary" @click=${() => this.open({ view: 'endpoint', endpoint: one.name })}>
                Open ${one.name}
              </button>`
            : nothing
        }
        <button @click=${close}>Close</button>
      </footer>`;
    }
    const look =
      one.state === 'failed' ? { tone: 'bad', word: '✕ That failed.' } : { tone: 'soft', word: '⊘ Cancelled.' };
    return html`<div class="notice" role="alert">
        <strong class=${look.tone}>${look.word}</strong> <span class="message">${one.message}</span>
      </div>
      <footer>
        <button @click=${() => this.again(one)}>Try again …</button>
        <button @click=${close}>Close</button>
      </footer>`;
  }

  private list(joined: readonly JoinCluster[]): TemplateResult {
    if (!joined.length) {
      return empty('No cluster is joined from this machine.');
    }
    const all = endpointsOf(this.channel).all.value;
    return html`${this.leaving ? this.confirmation(this.leaving) : nothing}
      <table>
        <thead>
          <tr>
            <th>Endpoint</th>
            <th>Host</th>
            <th>State</th>
            <th></th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            joined,
            one => one.name,
            one => {
              const found = all.get(one.name);
              const here = found !== undefined && found.state !== 'gone';
              const again = () => void this.begin({ target: one.target, name: one.name });
              return html`<tr>
                <td>
                  <button class="link" @click=${() => this.open({ view: 'endpoint', endpoint: one.name })}>
                    ${one.name}
                  </button>
                </td>
                <td>${one.target}</td>
                <td>${stateTemplate(here ? found.state : 'lost')}</td>
                <td class="acts">
                  ${here ? nothing : html`<button ?disabled=${this.busy} @click=${again}>Join again</button>`}
                  <button @click=${() => this.askToLeave(one)}>Leave …</button>
                </td>
              </tr>`;
            },
          )}
        </tbody>
      </table>`;
  }

  private confirmation(one: JoinCluster): TemplateResult {
    const text = html`Leave ${one.name}? Its endpoint and its connection end; jobs go on.
      <label><input type="checkbox" /> Remove its installation and its state there, too</label>`;
    const asked = { text, yes: 'Leave', no: 'Stay', danger: true, done: () => void this.leave(one, this.removes) };
    const close = () => (this.leaving = null);
    return html`<div @change=${(event: Event) => (this.removes = (event.target as HTMLInputElement).checked)}>
      ${questionTemplate(asked, close)}
    </div>`;
  }

  private async begin(wish: Wish): Promise<void> {
    this.busy = true;
    this.error = null;
    this.last = wish;
    try {
      await this.joins!.start(wish);
    } catch (error) {
      this.error = asOrbitError(error);
    }
    this.busy = false;
  }

  private askToLeave(one: JoinCluster): void {
    this.leaving = one;
    this.removes = false;
  }

  private async leave(one: JoinCluster, remove: boolean): Promise<void> {
    await this.guarded(() => this.joins!.leave(one.name, remove));
  }

  private async reply(one: JoinJoining, text: string): Promise<void> {
    const sent = await this.guarded(() => this.joins!.answer(one.join_id, one.question!.id, text));
    if (!sent) {
      this.questionElement?.again();
    }
  }

  private cancel(one: JoinJoining): Promise<boolean> {
    return this.guarded(() => this.joins!.cancel(one.join_id));
  }

  private async guarded(act: () => Promise<unknown>): Promise<boolean> {
    this.trouble = null;
    try {
      await act();
      return true;
    } catch (error) {
      this.trouble = asOrbitError(error);
      this.toast(this.trouble.message, 'error');
      return false;
    }
  }

  private again(one: JoinJoining): void {
    this.dismissed = new Set([...this.dismissed, one.join_id]);
    if (one.what === 'leave') {
      this.askToLeave({ name: one.name, target: one.target });
      return;
    }
    const { packages, ...more } =
      this.last?.name === one.name ? this.last : { target: one.target, name: one.name };
    this.form?.fill({ ...more, ...(packages && { packages: packages.join(' ') }) });
  }
}

function words(one: JoinJoining): string {
  switch (one.state) {
    case 'asking':
      return 'waits for an answer';
    case 'cancelling':
      return 'is cancelled …';
    default:
      return 'under way …';
  }
}

/** Where no endpoint runs on the machine that the user's ssh is on, as under a Hub. */
function elsewhere(copy: (text: string) => void): TemplateResult {
  const line = (where: string, command: string) =>
    html`<div class="command">
      <span>${where}</span><code class="grow">${command}</code>
      <button @click=${() => copy(command)}>Copy</button>
    </div>`;
  return html`<div class="body">
    <p>
      No endpoint here can do that for you: it takes one called <code>local</code> on the machine of this bridge,
      with ssh. You can join from where your ssh keys are:
    </p>
    ${line('In a cell', '%orbit join me@login.cluster.org')}
    ${line('In a terminal', 'jupyter orbit join me@login.cluster.org')}
  </div>`;
}
