"""Downloads of models: plans, the queue, the job itself, what pages and API say of them."""
