/** Of this package; a test compares it with package.json. */
export const tenonVersion = "0.1.0";
