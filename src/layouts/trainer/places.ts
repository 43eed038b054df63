// Files of the Trainer, by the names that `transformers/trainer.py` gives them.
export const stateName = "trainer_state.json";
export const optimizerName = "optimizer.pt";
export const scheduleName = "scheduler.pt";
