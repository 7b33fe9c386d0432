/** The ring's measures, in the units of its own drawing, the centre at 0, 0. */
export const ringInner = 62
export const ringOuter = 92
/** Between neighbours, radians. */
export const ringGap = 0.05
