/** A path of this origin: what a server tells is not yet a link to follow. */
export const isOwnPath = (path: string): boolean => /^\/[A-Za-z0-9]/.test(path) && !path.includes('\\')
