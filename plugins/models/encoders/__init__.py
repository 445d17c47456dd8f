"""Any encoder of timm or of the hub by its name, frozen or tuned, with a head: ``timm:resnet18+hf:OWNER/NAME``."""
