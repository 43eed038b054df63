// Files of `accelerator.save_state`, by the names that `accelerate/utils/constants.py` gives them.
export const optimizerName = "optimizer.bin";
export const scheduleName = "scheduler.bin";
export const randomStates: RegExp = /^random_states_\d+\.pkl$/;
