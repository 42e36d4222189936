"""Objects in images as labels: masks as pictures, boxes as COCO, a sheet to look at."""
