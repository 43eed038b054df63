/** Code of what a plan is refused with. */
export const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "no refusal";
};
