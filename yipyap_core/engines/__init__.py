"""One model loaded in one worker process, and the pool that starts, watches and ends them.

This is the only room where torch, transformers, ultralytics, onnxruntime and timm may appear, and
there only inside functions that a worker calls: the dashboard's process imports none of them.

=========== =================================================================================
base        what an engine's file declares; `families/` holds one small file each
wire        frames between the two processes
worker      the child's main loop; `answering` its desk, `measuring` what it holds
process     the parent's side of the talk with one worker; `child` its start and its end
pool        answers requests: leases, retries, fall-backs; `asking` what a request is
ledger      the books: which plan has which worker (`entries`), crashes, closing
loading     one load at a time, with room made by the rules of `residency` and `memory`
images      bytes to a picture, within limits
preprocess  a picture to the numbers that a model was trained on, pure
=========== =================================================================================
"""
