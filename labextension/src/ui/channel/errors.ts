/** What a call that didn't succeed says: the same fields as Python's exceptions have. */

export interface ErrorBody {
  code?: string;
  detail?: unknown;
  status_code?: number;
  transient?: boolean;
  field?: string;
  [more: string]: unknown;
}

export class OrbitError extends Error {
  constructor(
    message: string,
    /** One of `orbit_jupyter.protocol.errors`, or `disconnected`. */
    readonly code: string,
    readonly status: number,
    /** Whether the same call may succeed later. */
    readonly transient = false,
    readonly data: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = 'OrbitError';
  }

  /** The field of a form that is wrong, where one is. */
  get field(): string {
    return typeof this.data['field'] === 'string' ? this.data['field'] : '';
  }

  /** Whether the caller may not do this. */
  get forbidden(): boolean {
    return this.status === 401 || this.status === 403;
  }

  static fromBody(status: number, body: unknown): OrbitError {
    const { code, detail, status_code, transient, error: _, ...data } = (isObject(body) ? body : {}) as ErrorBody;
    const message =
      typeof detail === 'string' ? detail : detail === undefined ? `status ${status}` : JSON.stringify(detail);
    return new OrbitError(message, code ?? 'error', status_code ?? status, transient ?? status === 503, data);
  }
}

/** Return anything that was thrown as an error of ours. */
export function asOrbitError(thrown: unknown): OrbitError {
  // The channel may be that of another copy of the renderer on this page, with a class of its own.
  if (thrown instanceof OrbitError || (thrown instanceof Error && thrown.name === 'OrbitError')) {
    return thrown as OrbitError;
  }
  return new OrbitError(thrown instanceof Error ? thrown.message : String(thrown), 'error', 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
