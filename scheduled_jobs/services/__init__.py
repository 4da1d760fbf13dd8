"""Use-cases. They do not import one another; what combines two of them is an interface's business."""
