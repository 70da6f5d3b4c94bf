/**
 * What to launch: `<orbit-launch-form .channel .endpoint .plugin .taken .error .busy>`; event `orbit-launch` (a
 * `Launch`) where it is to begin.
 */

import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { asOrbitError, type OrbitError } from '../../channel/errors.js';
import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { nextName, type Launch } from '../../state/launches.js';
import { pluginOn } from '../../state/plugin.js';
import { takePrefill } from '../../state/prefill.js';
import type { Unwatch } from '../../value.js';
import type { PsijOffers, UIField } from '../../wire/types.js';
import { fieldTemplate, saidBeside } from '../form/field.js';
import { formLook } from './look.js';
import { hintsFor, readLimits, suggestions, type Limits } from '../form/limits.js';
import { choicesOf, ownChoices, type Choices } from '../form/options.js';
import { failed } from '../notice.js';
import { endpointPython, pluginPython, pythonOf } from '../../text/python.js';
import type { Values } from '../form/shapes.js';
import { tidyDuration } from '../../text/words.js';

const TUNNELS: Record<string, string> = {
  auto: 'The first of these that works: none, forward, reverse. Right for most.',
  none: 'The node reaches the bridge itself.',
  forward: 'The node opens ssh to the login host, which must work without a password.',
  reverse: 'The login host opens ssh to the node while the job runs there, without a password.',
};

const NAME: UIField = { name: 'name', label: 'Name of the endpoint' };
const EXECUTOR: UIField = { name: 'executor', label: 'Executor', type: 'select', options_endpoint: 'executors' };
const QUEUE: UIField = { name: 'queue', label: 'Queue', required: false, placeholder: 'the default queue' };
const ACCOUNT: UIField = { name: 'account', label: 'Account', required: false };
const NODES: UIField = { name: 'node_count', label: 'Nodes', type: 'number' };
const DURATION: UIField = { name: 'duration', label: 'Time', required: false };
const PLUGINS: UIField = { name: 'plugins', label: 'Plugins', required: false, placeholder: 'default' };
const TUNNEL: UIField = {
  name: 'tunnel',
  label: 'Way to the bridge',
  type: 'select',
  options: Object.keys(TUNNELS),
};

@define('orbit-launch-form')
export class LaunchForm extends OrbitElement {
  static override styles = formLook;

  @property() endpoint = '';
  @property() plugin = '';
  /** Names that endpoints have, or will have. */
  @property({ attribute: false }) taken: readonly string[] = [];
  @property({ attribute: false }) error: OrbitError | null = null;
  @property({ type: Boolean }) busy = false;
  @state() private values: Values = {};
  @state() private executors: Choices | null = null;
  @state() private unread: OrbitError | null = null;
  @state() private limits: Limits | null = null;
  /** Fields that were changed since `error` was said. */
  private changed = new Set<string>();

  protected override sources(): unknown[] {
    return [this.channel, this.endpoint, this.plugin];
  }

  protected override start(): Unwatch[] {
    const { queue } = takePrefill(this.channel, this.endpoint) ?? {};
    this.values = { node_count: '1', tunnel: 'auto', ...(queue ? { queue } : {}) };
    this.executors = this.limits = this.unread = null;
    void this.read();
    return [];
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (changed.has('error')) {
      this.changed.clear();
    }
    this.values = { executor: this.executors?.preselect ?? '', ...this.values };
  }

  override render(): TemplateResult {
    const local = this.values['executor'] === 'local';
    const hints = hintsFor(this.limits, this.values);
    const suggested = suggestions(this.limits);
    const draw = (field: UIField, choices: Choices | null = null) => {
      return fieldTemplate(field, {
        value: this.shown(field.name),
        problem: this.problem(field.name),
        hint: hints.get(field.name),
        choices,
        suggested: suggested.get(field.name),
        change: value => {
          this.changed.add(field.name);
          this.values = { ...this.values, [field.name]: value };
        },
      });
    };
    const time = { ...DURATION, placeholder: local ? 'as long as it lives' : '10m' };
    const way = TUNNELS[String(this.values['tunnel'])] ?? '';
    return html`<form autocomplete="off" @submit=${this.submit}>
      <div class="pair">
        ${draw(NAME)} ${draw(EXECUTOR, this.executors)}
        ${local ? nothing : html`${draw(QUEUE)} ${draw(ACCOUNT)} ${draw(NODES)}`} ${draw(time)} ${draw(PLUGINS)}
        ${
          local
            ? nothing
            : html`<div>
                ${draw(TUNNEL, ownChoices(TUNNEL))}
                <div class="soft small">${way}</div>
              </div>`
        }
      </div>
      ${this.unread ? failed(this.unread, () => void this.read()) : nothing}
      ${this.error && !this.known(this.error.field) ? failed(this.error) : nothing}
      <div class="row wrap">
        <button class="primary" ?disabled=${this.busy || !this.executors}>
          ${this.busy ? 'Launching …' : 'Launch'}
        </button>
        <button type="button" @click=${() => this.offerCode(this.python())}>Copy as code</button>
      </div>
    </form>`;
  }

  private async read(): Promise<void> {
    this.unread = null;
    const { endpoint, plugin } = this;
    const offers = pluginOn(this.channel, endpoint, plugin).get<PsijOffers>('executors');
    void readLimits(this.channel, endpoint).then(
      limits => (this.limits = endpoint === this.endpoint ? limits : this.limits),
    );
    try {
      const choices = choicesOf(EXECUTOR, await offers);
      if (endpoint === this.endpoint) {
        this.executors = choices;
        this.values = { ...this.values, executor: this.values['executor'] || choices.preselect };
      }
    } catch (error) {
      this.unread = asOrbitError(error);
    }
  }

  private shown(name: string): unknown {
    return name === 'name' ? (this.values['name'] ?? nextName(this.endpoint, this.taken)) : this.values[name];
  }

  private problem(name: string): string {
    const wrong = this.error && fieldOf(this.error.field) === name && !this.changed.has(name);
    return wrong ? saidBeside(this.error!) : '';
  }

  private known(field: string): boolean {
    return ['name', 'executor', 'queue', 'account', 'node_count', 'duration', 'plugins', 'tunnel'].includes(
      fieldOf(field),
    );
  }

  private wanted(): Launch {
    const text = (name: string) => String(this.shown(name) ?? '').trim();
    const executor = text('executor') || 'local';
    const local = executor === 'local';
    return {
      name: text('name'),
      executor,
      queue_name: (!local && text('queue')) || null,
      account: (!local && text('account')) || null,
      duration: tidyDuration(text('duration')) || null,
      node_count: local ? 1 : Number(text('node_count')) || 1,
      plugins: text('plugins') || 'default',
      tunnel: local ? 'none' : text('tunnel') || 'auto',
    };
  }

  private submit = (event: Event): void => {
    event.preventDefault();
    this.dispatchEvent(new CustomEvent<Launch>('orbit-launch', { detail: this.wanted() }));
  };

  /** The same launch as Python. */
  private python(): string {
    const { name, queue_name: queue, node_count: nodes, plugins, tunnel, ...more } = this.wanted();
    const given = {
      ...more,
      queue,
      ...(nodes > 1 && { nodes }),
      ...(plugins !== 'default' && { plugins }),
      ...(tunnel !== 'auto' && more.executor !== 'local' && { tunnel }),
    };
    const words = Object.entries(given)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => `, ${key}=${pythonOf(value)}`);
    const call = `${pluginPython(this.plugin)}.launch(${pythonOf(name)}${words.join('')})`;
    return `${endpointPython(this.endpoint)}node = ${call}\n`;
  }
}

/** A field as the form has it, by what the endpoint calls it. */
function fieldOf(field: string): string {
  return field === 'queue_name' ? 'queue' : field;
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-launch-form': LaunchForm;
  }
}
