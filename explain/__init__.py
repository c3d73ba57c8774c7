"""Pictures of what a classifier looked at, and of what is typical of a class: no Django, no Celery.

An explainer receives functions, never a model registry:

- `superpixels.segment(pixels, Segmenter()) -> labels`, `segment_ahead`, `encode_segments`, `decode_segments`
- `lime.explain_lime(predict, pixels, segments, classes, LimeParameters(), seed=...)`, one
  `explanations.SuperpixelExplanation` a class
- `attributions.explain_attribution(forward, pixels, segments, classes, AttributionParameters(method=...))`,
  the same result by Captum's Integrated Gradients, GradCAM, occlusion and feature ablation
- `pictures`: `shown_picture`, `picture_of`, `random_superpixels`, `heat_overlay`, `difference_picture`,
  `explanation_path`

Pictures are uint8 RGB (h, w, 3), labels int32 (h, w) with 0..d-1, weights float64 (d,).
"""
