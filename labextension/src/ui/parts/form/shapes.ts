/** What a form's values are to its plugin: the body of the call, and the Python that does the same. */

import type { UIForm } from '../../wire/types.js';
import { endpointPython, Expression, pluginPython, pythonOf, pythonText } from '../../text/python.js';
import { tidyDuration, wordsOf } from '../../text/words.js';

/** By the name of the field: text, number, boolean, a dict of texts, or a file. */
export type Values = Readonly<Record<string, unknown>>;

/** Something that is wrong with one field, found before anything is sent. */
export class FieldProblem extends Error {
  constructor(
    readonly field: string,
    message: string,
  ) {
    super(message);
  }
}

export interface Place {
  endpoint: string;
  plugin: string;
}

export interface Shape {
  /** What is sent; throws a `FieldProblem`. Files are still files in it. */
  body(values: Values): Record<string, unknown>;
  /** Which field of the form the server means. */
  field(server: string): string;
  python(place: Place, values: Values): string;
  /** Whether it takes `force`, which leaves out the check of limits. */
  force: boolean;
  /** What to say of an answer. */
  done(answer: unknown): string;
}

export const ROUTE = 'submit/{sid}';

export function routeOf(form: UIForm): string {
  return form.submit?.endpoint ?? ROUTE;
}

export function shapeOf(type: string, form: UIForm): Shape {
  const has = (name: string) => Boolean(form.fields?.some(field => field.name === name));
  const submits = routeOf(form) === ROUTE;
  if (type === 'psij' && submits && has('exec')) {
    return psij;
  }
  if (type === 'rhapsody' && submits && (has('exec') || has('executable'))) {
    return rhapsody;
  }
  return type === 'staging' ? staging(form) : raw(form);
}

function raw(form: UIForm): Shape {
  const names = new Set(form.fields?.map(field => field.name));
  return {
    body: values => ({ ...values }),
    field: server => {
      const first = server.replace(/^\$\.?/, '').split(/[.[]/)[0]!;
      return names.has(server) ? server : names.has(first) ? first : '';
    },
    python: (place, values) => {
      const files = Object.values(values).some(value => value instanceof File);
      const plugin = `hpc.get_plugin(${pythonText(place.plugin)})`;
      const body = pythonOf(withFilesRead(values));
      const head = files ? `import base64\nfrom pathlib import Path\n\n` : '';
      return `${head}${endpointPython(place.endpoint)}${plugin}.call("POST", ${pythonText(routeOf(form))}, ${body})\n`;
    },
    force: false,
    done: () => 'Done.',
  };
}

function withFilesRead(values: Values): Record<string, unknown> {
  const read = (file: File) =>
    new Expression(`base64.b64encode(Path(${pythonText(file.name)}).read_bytes()).decode()`);
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value instanceof File ? read(value) : value]),
  );
}

/** Where psij's fields are in its `job_spec`. */
const PSIJ_FIELDS: [RegExp, string][] = [
  [/^executor$/, 'executor'],
  [/^job_spec\.executable/, 'exec'],
  [/^job_spec\.arguments/, 'args'],
  [/\.queue_name$/, 'queue'],
  [/\.(account|project_name)$/, 'account'],
  [/\.duration$/, 'duration'],
  [/\.(node_count)$|^job_spec\.resources$/, 'node_count'],
  [/custom_attributes/, 'custom'],
];

const psij: Shape = {
  body: values => {
    const custom = dictOf(values['custom']);
    const attributes = without({
      queue_name: textOf(values['queue']),
      account: textOf(values['account']),
      duration: durationOf(textOf(values['duration'])),
      node_count: numberOf(values['node_count']),
      custom_attributes: Object.keys(custom).length ? custom : undefined,
    });
    const spec = without({
      executable: textOf(values['exec']),
      arguments: argumentsOf('args', values['args']),
      attributes: Object.keys(attributes).length ? attributes : undefined,
    });
    return without({ job_spec: spec, executor: textOf(values['executor']) });
  },
  field: server => PSIJ_FIELDS.find(([pattern]) => pattern.test(server))?.[1] ?? '',
  python: (place, values) => {
    const { job_spec: spec, executor } = psij.body(values);
    const more = executor === undefined ? '' : `, ${pythonOf(executor)}`;
    const plugin = pluginPython(place.plugin);
    return `${endpointPython(place.endpoint)}job = ${plugin}.submit_job(${pythonOf(spec)}${more})\n`;
  },
  force: true,
  done: answer => {
    const { native_id: native, job_id: id } = (answer ?? {}) as Record<string, unknown>;
    return `Job ${String(native || id)} is submitted.`;
  },
};

const rhapsody: Shape = {
  body: values => {
    const { exec, args, executable = exec, arguments: given = args, ...more } = values;
    const task = { ...more, executable: textOf(executable), arguments: argumentsOf('args', given) };
    return { tasks: [without(task)] };
  },
  field: server => (server.includes('executable') ? 'exec' : server.includes('arguments') ? 'args' : ''),
  python: (place, values) => {
    const { tasks } = rhapsody.body(values);
    return `${endpointPython(place.endpoint)}tasks = ${pluginPython(place.plugin)}.submit_tasks(${pythonOf(tasks)})\n`;
  },
  force: false,
  done: () => 'The task is submitted.',
};

/** The calls are those of any form; in Python its client says it shorter, and moves files of any size. */
function staging(form: UIForm): Shape {
  const plain = raw(form);
  const python: Record<string, (values: Values) => string> = {
    'put/{sid}': ({ content, filename, overwrite }) => {
      const given = [content instanceof File ? content.name : '', filename].map(one => pythonOf(one)).join(', ');
      return `put(${given}${overwrite ? ', overwrite=True' : ''})`;
    },
    'get/{sid}': ({ filename }) =>
      `get(${pythonOf(filename)}, ${pythonText(String(filename).split('/').pop() ?? '')})`,
    'list/{sid}': ({ path }) => `list(${pythonOf(path)})`,
  };
  const call = python[routeOf(form)];
  return {
    ...plain,
    python: (place, values) =>
      call
        ? `${endpointPython(place.endpoint)}${pluginPython(place.plugin)}.${call(values)}\n`
        : plain.python(place, values),
  };
}

function textOf(value: unknown): string | undefined {
  return value === undefined || value === null || value === '' ? undefined : String(value);
}

function numberOf(value: unknown): number | undefined {
  return value === undefined || value === null || value === '' ? undefined : Number(value);
}

function dictOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function durationOf(text: string | undefined): string | number | undefined {
  const tidy = text === undefined ? undefined : tidyDuration(text);
  return tidy !== undefined && /^\d+$/.test(tidy) ? Number(tidy) : tidy;
}

function argumentsOf(field: string, value: unknown): string[] | undefined {
  try {
    const words = Array.isArray(value) ? value.map(String) : wordsOf(textOf(value) ?? '');
    return words.length ? words : undefined;
  } catch (error) {
    throw new FieldProblem(field, (error as Error).message);
  }
}

function without(all: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
