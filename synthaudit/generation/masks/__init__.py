"""Where the object is in a real image: detectors, segmenters, masks, what is painted anew."""
