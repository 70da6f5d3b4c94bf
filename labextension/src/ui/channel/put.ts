/** A body that goes to the bridge by HTTP and tells how far it is: `fetch` doesn't. */

import { OrbitError } from './errors.js';

export interface Put {
  url: string;
  headers: Record<string, string>;
  body: Blob;
  /** Is told how many bytes of the body have gone. */
  sent: (bytes: number) => void;
  signal: AbortSignal;
}

/** Return the answer, or throw an `OrbitError`: `disconnected` where there was none. */
export function put<T>({ url, headers, body, sent, signal }: Put): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', url);
    for (const [name, value] of Object.entries(headers)) {
      request.setRequestHeader(name, value);
    }
    request.upload.onprogress = event => sent(event.loaded);
    request.onload = () => {
      signal.removeEventListener('abort', abort);
      const answer = parsed(request.responseText);
      if (request.status >= 400) {
        reject(OrbitError.fromBody(request.status, answer));
      } else {
        resolve(answer as T);
      }
    };
    const fail = () => {
      signal.removeEventListener('abort', abort);
      reject(
        signal.aborted
          ? new OrbitError('cancelled', 'cancelled', 499)
          : new OrbitError('the connection was lost', 'disconnected', 503, true),
      );
    };
    const abort = () => request.abort();
    request.onerror = request.onabort = request.ontimeout = fail;
    signal.addEventListener('abort', abort, { once: true });
    request.send(body);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
