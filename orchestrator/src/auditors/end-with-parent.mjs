/**
 * Loaded before a program that another process started: it ends when that one does, whatever ended it. The channel between them closes then, also
 * where nobody was left to say a word.
 */
process.on('disconnect', () => process.exit(0))
