/** What a job was submitted with, as its endpoint tells it: in words, as the form's values, and to submit it again. */

import type { PsijJobSpecification } from '../../wire/types.js';
import { bytes, plural } from '../../text/format.js';
import { endpointPython, Expression, pluginPython, pythonOf, pythonText } from '../../text/python.js';
import { lineOf } from '../../text/words.js';

/** What the form has a field for; of attributes these alone. */
const IN_FORM = new Set(['executable', 'arguments', 'attributes', 'custom_attributes']);
const ATTRIBUTES_IN_FORM = new Set([
  'queue_name',
  'account',
  'project_name',
  'duration',
  'node_count',
  'custom_attributes',
]);

/** Return what a job's status doesn't say already. */
export function specFacts({ job_spec: spec, environment_names: names }: PsijJobSpecification): [string, string][] {
  const resources = dictOf(spec['resources']);
  const count = (name: string) => (Number(resources[name]) ? Number(resources[name]).toLocaleString() : '');
  const options = Object.entries(optionsOf(spec)).map(([name, value]) => `${name}=${textOf(value)}`);
  const all: [string, string][] = [
    ['Processes', count('process_count')],
    ['Processes per node', count('processes_per_node')],
    ['Cores per process', count('cpu_cores_per_process')],
    ['GPUs per process', count('gpu_cores_per_process')],
    ['Memory', Number(resources['memory']) ? bytes(Number(resources['memory'])) : ''],
    ['Whole nodes', resources['exclusive_node_use'] ? 'yes' : ''],
    ['Launcher', textOf(spec['launcher'])],
    ['Reservation', textOf(dictOf(spec['attributes'])['reservation_id'])],
    ['Options', options.join('\n')],
    ['Environment', names.join(', ')],
    ['Of the endpoint’s environment', spec['inherit_environment'] === false ? 'nothing' : ''],
    ['Before it', textOf(spec['pre_launch'])],
    ['After it', textOf(spec['post_launch'])],
    ['Reads', textOf(spec['stdin_path'])],
    ['stdout goes to', textOf(spec['stdout_path'])],
    ['stderr goes to', textOf(spec['stderr_path'])],
  ];
  return all.filter(([, value]) => value);
}

/** Return what the submit form is to begin with. */
export function formValuesOf({ job_spec: spec, executor }: PsijJobSpecification): Record<string, unknown> {
  const attributes = dictOf(spec['attributes']);
  return {
    exec: textOf(spec['executable']),
    args: lineOf(Array.isArray(spec['arguments']) ? spec['arguments'].map(String) : []),
    executor,
    queue: textOf(attributes['queue_name']),
    account: textOf(attributes['account'] ?? attributes['project_name']),
    duration: textOf(attributes['duration']),
    node_count: textOf(attributes['node_count'] ?? dictOf(spec['resources'])['node_count']),
    custom: optionsOf(spec),
  };
}

/** Return in words what the form has no fields for; empty where it has all. */
export function notInForm({ job_spec: spec, environment_names: names }: PsijJobSpecification): string {
  const lacking = [
    ...Object.keys(spec).filter(name => !IN_FORM.has(name)),
    ...Object.keys(dictOf(spec['attributes'])).filter(name => !ATTRIBUTES_IN_FORM.has(name)),
    ...(names.length ? ['environment'] : []),
  ];
  return lacking.join(', ');
}

/** Return the Python that submits it again, with places for the values of its environment. */
export function pythonOfSubmit(
  endpoint: string,
  plugin: string,
  { job_spec: spec, executor, environment_names: names }: PsijJobSpecification,
): string {
  const environment = names.map(name => `${pythonText(name)}: ...`).join(', ');
  const given = names.length ? { ...spec, environment: new Expression(`{${environment}}`) } : spec;
  const why = names.length ? '# The values of its environment are not kept: put them where ... is.\n' : '';
  const call = `${pluginPython(plugin)}.submit_job(${pythonOf(given)}, ${pythonOf(executor)})`;
  return `${endpointPython(endpoint)}${why}job = ${call}\n`;
}

/** Say what becomes of an environment whose values nobody has. */
export function withoutEnvironment({ environment_names: names }: PsijJobSpecification): string {
  return names.length
    ? `The ${plural(names.length, 'value')} of its environment ${names.length === 1 ? 'isn’t' : 'aren’t'} kept: it goes without ${names.join(', ')}.`
    : '';
}

function optionsOf(spec: Record<string, unknown>): Record<string, unknown> {
  return { ...dictOf(dictOf(spec['attributes'])['custom_attributes']), ...dictOf(spec['custom_attributes']) };
}

function dictOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function textOf(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}
