// Runs before the first paint, so that a chosen palette does not flash. A file and not inline: a strict CSP needs no hash for it.
try {
  const theme = localStorage.getItem('computepool.theme')
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme
} catch {
  // Storage is refused: the system's palette is used.
}
