/** Paths on an endpoint: they begin with `/` or with `~`, and `/` is between their parts. */

export interface Crumb {
  name: string;
  path: string;
}

export function joined(folder: string, name: string): string {
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`;
}

export function nameOf(path: string): string {
  return path.replace(/\/+$/, '').split('/').pop() ?? '';
}

/** Return the folder that a path is in; null at the top. */
export function parentOf(path: string): string | null {
  const plain = path.replace(/\/+$/, '');
  const cut = plain.lastIndexOf('/');
  if (cut < 0) {
    return null;
  }
  return cut === 0 ? (plain.length > 1 ? '/' : null) : plain.slice(0, cut);
}

/** Return the folders on the way to a path, the first one the home where it lies in that. */
export function crumbsOf(path: string, home: string): Crumb[] {
  const inHome = isWithin(path, home);
  const begin: Crumb = inHome ? { name: '~', path: home } : { name: '/', path: '/' };
  const rest = path.slice(inHome ? home.length : 0).split('/');
  const crumbs = [begin];
  for (const name of rest) {
    if (name && name !== '~') {
      crumbs.push({ name, path: joined(crumbs.at(-1)!.path, name) });
    }
  }
  return crumbs;
}

/** Return a path as people write it: with `~` for the home. */
export function shortened(path: string, home: string): string {
  return isWithin(path, home) ? `~${path.slice(home.length)}` : path;
}

/** Return a path as the routes that end in one have it. */
export function inRoute(path: string): string {
  return path.replace(/^\/+/, '').split('/').map(encodeURIComponent).join('/');
}

export function isHidden(name: string): boolean {
  return name.startsWith('.');
}

function isWithin(path: string, home: string): boolean {
  return home.length > 1 && (path === home || path.startsWith(`${home}/`));
}
